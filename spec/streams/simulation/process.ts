/** Simulations in a process of its own, so that every processor has one. */
import { engineFaultRules } from '../../../lib/engine/index.js';
import { serve } from '../../histories/processes.js';
import { type GroupReport, runGroup } from '../group/group-run.js';
import { type ReaderRunOptions, type ReaderRunReport, readerRun } from './reader-run.js';

serve({
  reader: (options: ReaderRunOptions): Promise<ReaderRunReport> => readerRun(options),
  members: (seed: number): Promise<GroupReport> => runGroup({ seed, rules: engineFaultRules('all-mixed', 0.05) }),
});

/** A process that has seen nothing of the run: it recovers the system, says what it holds, and what it held in the past. */
import { beMember } from '../member.js';
import type { Recovery, RecoveryJob } from './messages.js';
import { openSystem } from './system.js';

beMember<RecoveryJob, Recovery>(async (job, { table, say }) => {
  const openedAt = performance.now();
  await using system = await openSystem(table, job.run, { mode: 'read-only' });
  const openMs = performance.now() - openedAt;
  const askedAt = performance.now();
  const { state, seq } = await system.at({ seq: job.pastSeq });
  const past = { seq, book: state, atMs: performance.now() - askedAt };
  const held = { seq: system.seq, digest: await system.stateDigest() };
  say({ kind: 'finding', finding: { held, book: system.state, openMs, past } });
  return 0;
});

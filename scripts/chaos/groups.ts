/** `npm run chaos -- --groups N`: consumer groups and readers of streams over real processes, every kind of run in turn. */
import type { Crew } from '../../spec/histories/crew.js';
import { chaosCommand } from '../../spec/histories/plans.js';
import type { Store } from '../../spec/histories/stores.js';
import { balanceRun } from '../../spec/histories/streams/balance-run.js';
import { groupPlan } from '../../spec/histories/streams/group-plans.js';
import { consumerModule, groupRun, groupSummary, lossyRules } from '../../spec/histories/streams/group-run.js';
import { loneReaderRun } from '../../spec/histories/streams/reader-run.js';
import { zombieRun } from '../../spec/histories/streams/zombie-run.js';
import { type ChaosOptions, type StoreTurn, turnsOnStores } from './turns.js';

/** Kinds of runs. Ops are writes; of `zombies` pauses, of `balance` members that join or leave. */
export const groupModes = ['plain', 'transact', 'lossy', 'engine', 'zombies', 'balance', 'reader'] as const;
type GroupMode = (typeof groupModes)[number];

export interface GroupChaosOptions extends ChaosOptions {
  readonly runs: number;
  readonly mode: GroupMode | undefined;
  readonly ops: number | undefined;
}

const sizes: Readonly<Record<GroupMode, number>> = {
  ...{ plain: 20_000, transact: 20_000, lossy: 5_000, engine: 3_000 },
  ...{ zombies: 20, balance: 30, reader: 5_000 },
};
const writesOfALife = 300;

export async function groupsOnStores(options: GroupChaosOptions): Promise<void> {
  const { firstSeed, fail, runs, mode: chosen, ops } = options;
  const turnOf = (turn: number): StoreTurn => {
    const mode = chosen ?? (groupModes[turn % groupModes.length] as GroupMode);
    const [seed, size] = [firstSeed + turn, ops ?? sizes[mode]];
    const command = chaosCommand({ groups: 1, mode, seed, ops: size });
    return {
      ...{ engine: 'dynamodb-local', isAlone: mode === 'engine', command },
      async run(store, crew) {
        const { findings, said } = await oneRun(store, crew, mode, seed, size);
        console.log(`  ${said}`);
        if (findings.length > 0) fail(`${findings.slice(0, 5).join('\n')}\nrepeat: ${command}`);
      },
    };
  };
  await turnsOnStores(options, { runs, worker: consumerModule, turnOf });
}

interface Outcome {
  readonly findings: readonly string[];
  readonly said: string;
}

async function oneRun(store: Store, crew: Crew, mode: GroupMode, seed: number, size: number): Promise<Outcome> {
  if (mode === 'zombies') return told(await zombieRun(store, crew, { seed, pauses: size }));
  if (mode === 'balance') return told(await balanceRun(store, crew, { seed, changes: size }));
  if (mode === 'reader') {
    const kills = Math.ceil(size / writesOfALife);
    return told(await loneReaderRun(store, { seed, kills, writes: size, faults: { rules: lossyRules } }));
  }
  const report = await groupRun(store, crew, { seed, ...groupPlan(mode, size) });
  return { findings: report.findings, said: groupSummary(report) };
}

function told({ findings, ...report }: { readonly findings: readonly string[] }): Outcome {
  return { findings, said: JSON.stringify(report) };
}

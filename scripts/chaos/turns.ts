/** How long runs are made one after the other: on real engines, and in memory. */
import { Crew } from '../../spec/histories/crew.js';
import type { Store, StoreName } from '../../spec/histories/stores.js';
import { Stores } from './stores.js';

export interface ChaosOptions {
  readonly firstSeed: number;
  /** Numbers of runs, 0 and on, as many as are wished or there is time for. */
  readonly turns: (runs: number) => Iterable<number>;
  readonly fail: (error: unknown) => void;
}

/** One run on an engine. */
export interface StoreTurn {
  readonly engine: StoreName;
  /** Whether its engine is killed, and so is its own. */
  readonly isAlone: boolean;
  /** Makes the same run again. */
  readonly command: string;
  run(store: Store, crew: Crew): Promise<void>;
}

/** `worker`: the module of the crew. */
export async function turnsOnStores(
  { turns, fail }: ChaosOptions,
  { runs, worker, turnOf }: { runs: number; worker?: URL; turnOf: (turn: number) => StoreTurn },
): Promise<void> {
  const [crew, stores] = [new Crew(worker), new Stores()];
  try {
    for (const turn of turns(runs)) {
      const { engine, isAlone, command, run } = turnOf(turn);
      console.log(command);
      await stores.within(engine, isAlone, (store) => run(store, crew)).catch(fail);
    }
  } finally {
    await crew.close();
    await stores.close();
  }
}

/** One simulation. */
export interface MemoryTurn {
  readonly command: string;
  run(): Promise<{ readonly trace: string; readonly wrong: readonly string[] }>;
}

export async function turnsInMemory(
  { turns, fail }: ChaosOptions,
  { runs, turnOf }: { runs: number; turnOf: (turn: number) => MemoryTurn },
): Promise<void> {
  for (const turn of turns(runs)) {
    const { command, run } = turnOf(turn);
    try {
      const { trace, wrong } = await run();
      if (wrong.length > 0) fail(`${wrong.slice(0, 5).join('\n')}\nrepeat: ${command}`);
      else if (turn % 10 === 0) console.log(`${command}: trace ${trace.slice(0, 16)}`);
    } catch (error) {
      fail(new Error(`the run broke off\nrepeat: ${command}`, { cause: error }));
    }
  }
}

/** Adds up what runs report. */
export class Sums<Name extends string> {
  readonly #names: readonly Name[];
  readonly #sums = new Map<Name, number>();
  readonly #startedAt = performance.now();
  #runs = 0;

  constructor(names: readonly Name[]) {
    this.#names = names;
  }

  add(report: Readonly<Record<Name, number>>): void {
    this.#runs += 1;
    for (const name of this.#names) this.#sums.set(name, (this.#sums.get(name) ?? 0) + report[name]);
  }

  tell(): void {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(0);
    console.log(`${this.#runs} runs in ${seconds} s: ${JSON.stringify(Object.fromEntries(this.#sums))}`);
  }
}

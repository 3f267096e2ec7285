/**
 * Runs programs on one disk, one call at a time, in every order within a bound.
 *
 * A schedule is a list of choices. It goes on with the program that is under way unless a choice says otherwise: another one goes on
 * (the first is paused, as a stopped process is), or the one under way is killed. All schedules with at most so many of those are
 * looked at; a program that has ended hands over to any other for nothing. Each schedule is run from the start, so what runs is the code
 * itself, not a copy of its rules.
 */

import type { Random } from '../../../lib/engine/random.js';
import type { FileSystem } from '../../../lib/files/file-system.js';
import { ModelledDisk } from '../../support/modelled-file-system.js';

/** One process: what it does until it has ended. */
export type Program = (fileSystem: FileSystem) => Promise<void>;

/** A run: programs that share a disk, and what must be true when all are over. */
export interface Run {
  readonly programs: readonly Program[];
  /** What is wrong, if anything. */
  verdict(fileSystem: FileSystem): Promise<string | undefined>;
}

export interface Explored {
  readonly schedules: number;
  readonly violation: string | undefined;
  /** Of the violation: who made which call. */
  readonly trace: readonly string[];
}

/** Every schedule with at most `turns` pauses and kills. */
export async function exploreAll(begin: () => Run, turns: number): Promise<Explored> {
  const open: (readonly number[])[] = [[]];
  for (let schedules = 0; ; ) {
    const choices = open.pop();
    if (choices === undefined) return { schedules, violation: undefined, trace: [] };
    const run = new Execution(begin(), (options, step) => choices[step] ?? options[0] ?? 0);
    const violation = await run.finish();
    schedules += 1;
    if (violation !== undefined) return { schedules, violation, trace: run.trace };
    // What else could have been chosen after the choices that were given.
    for (let step = run.made.length - 1; step >= choices.length; step -= 1) {
      const { chosen, options } = run.made[step] as Made;
      const before = run.made.slice(0, step).map((made) => made.chosen);
      const spent = run.made.slice(0, step).reduce((sum, made) => sum + made.cost, 0);
      for (const option of options) {
        if (option !== chosen && spent + run.costOf(step, option) <= turns) open.push([...before, option]);
      }
    }
  }
}

/** So many schedules, drawn. */
export async function exploreSome(begin: () => Run, count: number, random: Random): Promise<Explored> {
  for (let schedules = 1; schedules <= count; schedules += 1) {
    // Mostly on, else they would all be the same mixture.
    const stay = 1 + random.int(12);
    const run = new Execution(begin(), (options) =>
      random.int(stay + 1) > 0 ? (options[0] as number) : (options[random.int(options.length)] as number),
    );
    const violation = await run.finish();
    if (violation !== undefined) return { schedules, violation, trace: run.trace };
  }
  return { schedules: count, violation: undefined, trace: [] };
}

interface Made {
  readonly chosen: number;
  readonly options: readonly number[];
  readonly cost: number;
  /** Whether the one under way had ended. */
  readonly isFree: boolean;
}

/** A choice is the number of the program that goes on, or this: the one under way is killed. */
const kill = -1;

class Execution {
  readonly made: Made[] = [];
  readonly trace: string[] = [];
  readonly #run: Run;
  readonly #choose: (options: readonly number[], step: number) => number;
  readonly #disk = new ModelledDisk();
  /** Programs that wait at a call, with what lets them go on. */
  readonly #waiting = new Map<number, () => void>();
  readonly #arrivals = new Map<number, () => void>();
  readonly #failures: unknown[] = [];

  constructor(run: Run, choose: (options: readonly number[], step: number) => number) {
    this.#run = run;
    this.#choose = choose;
  }

  costOf(step: number, option: number): number {
    const made = this.made[step] as Made;
    return option === made.options[0] || (made.isFree && option !== kill) ? 0 : 1;
  }

  async finish(): Promise<string | undefined> {
    for (const [index, program] of this.#run.programs.entries()) await this.#start(index, program);
    let current = 0;
    while (this.#waiting.size > 0) {
      const isFree = !this.#waiting.has(current);
      const others = [...this.#waiting.keys()].filter((index) => index !== current);
      const options = isFree ? others : [current, ...others, kill];
      const chosen = this.#choose(options, this.made.length);
      const isFirst = chosen === options[0];
      this.made.push({ chosen, options, isFree, cost: isFirst || isFree ? 0 : 1 });
      if (chosen === kill) {
        this.trace.push(`${current} killed`);
        this.#waiting.delete(current);
        continue;
      }
      current = chosen;
      await this.#goOn(current);
    }
    if (this.#failures.length > 0) return `a program failed: ${this.#failures[0]}`;
    return this.#run.verdict(this.#disk.fileSystem());
  }

  /** Resolves when it waits at its first call, or has ended. */
  #start(index: number, program: Program): Promise<void> {
    return new Promise((arrived) => {
      this.#arrivals.set(index, arrived);
      const fileSystem = this.#disk.fileSystem(async ({ name, path }) => {
        await new Promise<void>((goOn) => {
          this.#waiting.set(index, goOn);
          this.#arrivals.get(index)?.();
        });
        this.trace.push(`${index} ${name} ${path}`);
        return undefined;
      });
      const end = async () => {
        await program(fileSystem).catch((error: unknown) => this.#failures.push(error));
        this.#arrivals.get(index)?.();
      };
      void end();
    });
  }

  #goOn(index: number): Promise<void> {
    const goOn = this.#waiting.get(index) as () => void;
    this.#waiting.delete(index);
    return new Promise((arrived) => {
      this.#arrivals.set(index, arrived);
      goOn();
    });
  }
}

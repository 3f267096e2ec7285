/** An ordered category, as a projection follows it: from the checkpoint on, in windows, for ever. */
import type { PlacedEvent } from '../together/read-category.js';
import { CategoryFeeder } from './category-feeder.js';
import type { Log } from './log.js';
import { Looks } from './looks.js';
import type { Course, Helm } from './projection.js';
import type { AnyView } from './view.js';

export interface CategoryCourseFacts {
  readonly log: Log;
  readonly view: AnyView;
  readonly category: string;
}

/** Events that are applied together. */
export const categoryWindow = 500;
/** Pauses when nothing has come: twice as long each time. */
const pauseMsMin = 20;
const pauseMsMax = 1_000;

export class CategoryCourse implements Course {
  readonly parked: Course['parked'] = new Map();
  readonly #facts: CategoryCourseFacts;
  readonly #feeder: CategoryFeeder;
  readonly #looks: Looks;
  /** Between these positions there was nothing but what was deleted: it is not looked for at each look. */
  #gone: { readonly from: number; readonly to: number } | undefined;

  constructor(facts: CategoryCourseFacts) {
    this.#facts = facts;
    this.#feeder = new CategoryFeeder(facts.log, facts.view, facts.category);
    this.#looks = new Looks(facts.log.table.sources.clock);
  }

  async run(helm: Helm): Promise<void> {
    let pauseMs = pauseMsMin;
    for (;;) {
      const applied = await this.#looks.take(helm, () => this.#look(helm.signal));
      pauseMs = applied > 0 ? pauseMsMin : Math.min(pauseMsMax, 2 * pauseMs);
      await this.#looks.bell.pause(pauseMs, helm.signal);
    }
  }

  refresh(): Promise<void> {
    return this.#looks.ask();
  }

  /** Applies what is there. @returns how many events that was. */
  async #look(signal: AbortSignal): Promise<number> {
    const { log, category } = this.#facts;
    let position = await this.#feeder.position(signal);
    const size = await log.facts.size(category, signal);
    if (size <= position || (this.#gone?.from === position && this.#gone.to === size)) return 0;
    let applied = 0;
    let window: PlacedEvent[] = [];
    const flush = async (): Promise<boolean> => {
      const last = window.at(-1);
      if (last === undefined) return true;
      if (!(await this.#feeder.feed(window, position, signal))) return false;
      position = last.position;
      applied += window.length;
      window = [];
      return true;
    };
    for await (const event of log.facts.read(category, position + 1, signal)) {
      window.push(event);
      if (window.length >= categoryWindow && !(await flush())) return this.#look(signal);
    }
    // Another generation is served meanwhile, and has less.
    if (!(await flush())) return this.#look(signal);
    this.#gone = { from: position, to: size };
    return applied;
  }
}

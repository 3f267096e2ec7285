/** An ordered category, as a projection follows it: from the checkpoint on, in windows, for ever. */
import type { PlacedEvent } from '../together/read-category.js';
import { Bell } from './bell.js';
import { CategoryFeeder } from './category-feeder.js';
import type { Log } from './log.js';
import type { Course, Helm } from './projection.js';
import type { AnyView } from './view.js';
import type { ViewLag } from './view-lag.js';
import { ViewReader } from './view-reader.js';

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
  readonly #bell: Bell;
  #asked: (() => void)[] = [];
  /** Between these positions there was nothing but what was deleted: it is not looked for at each look. */
  #gone: { readonly from: number; readonly to: number } | undefined;

  constructor(facts: CategoryCourseFacts) {
    this.#facts = facts;
    this.#feeder = new CategoryFeeder(facts.log, facts.view, facts.category);
    this.#bell = new Bell(facts.log.table.sources.clock);
  }

  async run(helm: Helm): Promise<void> {
    let pauseMs = pauseMsMin;
    for (;;) {
      const asked = this.#asked;
      this.#asked = [];
      const applied = await helm.steadily(() => this.#look(helm.signal));
      helm.caughtUp();
      for (const done of asked) done();
      if (this.#asked.length > 0) continue;
      pauseMs = applied > 0 ? pauseMsMin : Math.min(pauseMsMax, 2 * pauseMs);
      await this.#bell.pause(pauseMs, helm.signal);
    }
  }

  refresh(): Promise<void> {
    return new Promise((done) => {
      this.#asked.push(done);
      this.#bell.ring();
    });
  }

  lag(signal: AbortSignal | undefined): Promise<ViewLag> {
    const { log, view } = this.#facts;
    return new ViewReader(log, view).lag({ signal });
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

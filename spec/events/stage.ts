/**
 * What specs of event stores under trouble work on: stores as if each were in a process of its own, on one memory engine and a virtual
 * clock, and a test that stands between any two requests.
 */
import { seededRandom } from '../../lib/engine/index.js';
import {
  AggregateType,
  type AggregateTypeOptions,
  EventStore,
  type EventStoreOptions,
  type RecordedEvent,
} from '../../lib/events/index.js';
import { type Bench, openBench } from '../atom/bench.js';
import { type OnStep, steppedEngine } from '../support/stepped-engine.js';

export class Stage {
  readonly bench: Bench;
  /** What is done with each request of stores that are stepped. */
  onStep: OnStep = () => undefined;

  constructor(bench: Bench) {
    this.bench = bench;
  }

  /** A store as a process of its own has it; with `stepped`, the test sees each of its requests. */
  open({ stepped = false, ...options }: EventStoreOptions & { readonly stepped?: boolean } = {}): EventStore {
    const { memory } = this.bench;
    const engine = stepped ? steppedEngine(memory, (step) => this.onStep(step)) : memory;
    return new EventStore(this.bench.table({ engine }), options);
  }

  async eventsOf(stream: string): Promise<RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    for await (const event of this.open().read(stream)) events.push(event);
    return events;
  }

  async typesOf(stream: string): Promise<string[]> {
    return (await this.eventsOf(stream)).map(({ type }) => type);
  }

  /** Appends so many events, one after the other, that older ones leave the head. */
  async fill(store: EventStore, stream: string, count = 30): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      await this.bench.run(store.append(stream, [{ type: 'filled', data: { by: 0, pad: noise(60, n) } }]));
    }
  }
}

export async function openStage(): Promise<Stage> {
  return new Stage(await openBench({ seed: 7 }));
}

/** Text that does not compress, so that events with it are soon in a page, or in a body. */
export function noise(bytes: number, seed = 1): string {
  const random = seededRandom(seed);
  return Buffer.from(Uint8Array.from({ length: bytes }, () => random.int(256))).toString('base64');
}

/** Something that a test lets go on. */
export function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open: () => open() };
}

export interface Step {
  readonly type: 'stepped';
  readonly data: { readonly by: number; readonly pad?: string };
}
export interface Command {
  readonly add: number;
  readonly pad?: string;
  readonly wait?: Promise<unknown>;
}
export const sumOptions: AggregateTypeOptions<number, Command, Step, undefined> = {
  name: 'sum',
  initial: 0,
  handle: async (state, { add, pad, wait }) => {
    await wait;
    if (state + add < 0) throw new RangeError(`${state} is too little`);
    return add === 0 ? [] : { type: 'stepped', data: { by: add, ...(pad !== undefined && { pad }) } };
  },
  apply: (state, { data }) => state + data.by,
};
/** A sum that is never below zero. */
export const sum: AggregateType<number, Command, Step, undefined> = new AggregateType(sumOptions);

/** The workbench of one fact: a new store, and what is opened on it, which is closed at the end. */
import type { SealingCodec } from '../../codec/index.js';
import { type Clock, systemClock } from '../../engine/index.js';
import type { ReadCommit } from '../../journal/index.js';
import {
  type Log,
  openPrevayler,
  type Prevayler,
  type PrevaylerOptions,
  type Storage,
} from '../../prevalence/index.js';
import { type HandClock, handClock } from './samples.js';
import type { StorageFactory, TestedStore } from './storage-factory.js';

/** A system as facts open it. */
type SystemOptions<S, E, R> = Pick<PrevaylerOptions<S, E, R>, 'initialState' | 'handler'> &
  Partial<PrevaylerOptions<S, E, R>>;

/** A log by itself, and what its consumer was given. */
interface OpenLog {
  readonly log: Log;
  /** Commits that were told by `apply` or `adopt` since the last `restore`, with their texts. */
  readonly taken: { readonly seq: number; readonly time: number; readonly text: string }[];
  /** What was restored last. */
  restored: { readonly captured: unknown; readonly seq: number; readonly time: number } | undefined;
  /** Appends events that are lines of JSON. */
  append(lines: readonly string[], facts?: LineFacts): Promise<{ readonly seq: number; readonly time: number }>;
}

interface LineFacts {
  readonly time?: number;
  readonly handlerVersion?: string;
  readonly stateDigest?: string;
}

export interface Place {
  readonly clock: HandClock;
  readonly warnings: readonly unknown[];
  readonly eventBytesMax: number;
  writes(): number | undefined;
  /** The store as another process has it. */
  view(): Storage;
  /** Another instance. It neither follows nor makes snapshots in the background unless asked to. */
  open<S, E, R = unknown>(system: SystemOptions<S, E, R>, codec?: SealingCodec): Promise<Prevayler<S, E, R>>;
  /** An instance on a store of its own: another system. */
  openElsewhere<S, E, R = unknown>(system: SystemOptions<S, E, R>): Promise<Prevayler<S, E, R>>;
  /** A log by itself, not recovered yet. */
  openLog(options?: { readonly readOnly?: boolean; readonly format?: string; readonly clock?: Clock }): OpenLog;
  damageSnapshot(id: string): Promise<void>;
  /** All that is stored; `undefined` where that can't be seen. */
  storedBytes(): Promise<readonly Uint8Array[] | undefined>;
}

/** Runs `check` on a new store. */
export async function onNewPlace<Store extends TestedStore>(
  factory: StorageFactory<Store>,
  check: (place: Place) => Promise<void>,
): Promise<void> {
  const stores: TestedStore[] = [];
  const newStore = async () => {
    const store = await factory.newStore();
    stores.push(store);
    return store;
  };
  const opened: { close(): Promise<void> }[] = [];
  let failure: { readonly error: unknown } | undefined;
  try {
    await check(placeOn({ ...factory, newStore }, await newStore(), opened));
  } catch (error) {
    failure = { error };
  }
  try {
    for (const one of opened) await one.close();
    for (const store of stores) await store.close?.();
  } catch (error) {
    // What went wrong first says more.
    failure ??= { error };
  }
  if (failure !== undefined) throw failure.error;
}

function placeOn<Store extends TestedStore>(
  factory: StorageFactory<Store>,
  store: Store,
  opened: { close(): Promise<void> }[],
): Place {
  const warnings: unknown[] = [];
  const clock = handClock(systemClock);
  const onWarning = (error: unknown) => warnings.push(error);
  async function openOn<S, E, R>(storage: Storage, system: SystemOptions<S, E, R>): Promise<Prevayler<S, E, R>> {
    const defaults = { follow: false, snapshots: false, clock, onWarning };
    const instance = await openPrevayler({ ...defaults, storage, ...system });
    opened.push(instance);
    return instance;
  }
  return {
    ...{ clock, warnings, eventBytesMax: factory.eventBytesMax },
    writes: () => store.writes?.(),
    view: () => store.view(),
    open: (system, codec) => openOn(codec === undefined ? store.view() : through(store.view(), codec), system),
    openElsewhere: async (system) => openOn((await factory.newStore()).view(), system),
    openLog({ readOnly = false, format = '', clock: ownClock = clock } = {}) {
      const one = openLog(store.view(), { readOnly, format, clock: ownClock, onWarning });
      opened.push(one.log);
      return one;
    },
    damageSnapshot: async (id) => factory.damageSnapshot?.(store, id),
    storedBytes: async () => factory.storedBytes?.(store),
  };
}

/** The storage with a codec that its logs are opened with. */
function through(storage: Storage, codec: SealingCodec): Storage {
  const { name, clock, seals } = storage;
  return { name, clock, seals, open: (request) => storage.open({ ...request, codec }) };
}

function openLog(
  storage: Storage,
  options: {
    readonly readOnly: boolean;
    readonly format: string;
    readonly clock: Clock;
    readonly onWarning: (error: unknown) => void;
  },
): OpenLog {
  const taken: { seq: number; time: number; text: string }[] = [];
  const take = ({ commit, text }: Pick<ReadCommit, 'commit' | 'text'>) => {
    if (commit.count > 0) taken.push({ seq: commit.first + commit.count - 1, time: commit.time, text });
  };
  const consumer = {
    apply: (read: ReadCommit) => take(read),
    capture: () => ({ lines: taken.map(({ text }) => text), restored: one.restored?.captured }),
    restore(captured: unknown, { seq, time }: { readonly seq: number; readonly time: number }) {
      taken.length = 0;
      one.restored = { captured, seq, time };
    },
  };
  const log = storage.open({ consumer, retention: {}, ...options });
  const one: OpenLog = {
    ...{ log, taken, restored: undefined },
    async append(lines, facts = {}) {
      const text = lines.join('\n');
      const body = log.fitsHead(text) ? undefined : await log.prepare(text);
      const batch = {
        bodyText: body === undefined ? undefined : text,
        decide: () => ({ text: body === undefined ? text : '', count: lines.length, ...facts }),
        adopt: (commit: ReadCommit['commit']) => take({ commit, text }),
      };
      const appended = await log.append(batch, body);
      if (appended.status !== 'applied') throw new Error('an append of events told that there was nothing to append');
      return { seq: appended.commit.first + appended.commit.count - 1, time: appended.commit.time };
    },
  };
  return one;
}

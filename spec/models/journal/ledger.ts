/**
 * What really happened, and what must hold of it at every moment. No actor sees any of this.
 *
 * Of callers: an event takes effect at most once, where the handler accepts it, and never after it was refused; what was
 * acknowledged is in the order; what was refused was refused by a state that was the newest at some time since the call.
 *
 * Of what is stored (`audit`): whoever starts at any kept snapshot, or holds any page that is not pruned, can read on to
 * the head, and reads exactly the one order. So nothing is named before it is durable, nothing is deleted too early,
 * nothing is overwritten; and all of that is found where it is done, not only when a reader stumbles over it.
 *
 * Of what is left behind (`garbage`): nothing, once all rest and a prune is over, but what came too late to be found.
 */
import { bodiesAheadMax, tailFrom } from '../../../lib/journal/protocol.js';
import { apply, refuses } from './fold.js';
import { bodyKey, type Commit, type Event, type Fold, type Head, noFold, pageKey, partKey } from './shapes.js';
import type { World } from './world.js';

export interface Ledger {
  /** The one order. */
  readonly commits: readonly Commit[];
  /** The state after each, and before the first. */
  readonly folds: readonly Fold[];
  /** Place that each page starts at, and the tail. */
  readonly starts: readonly number[];
  /** Place of the head when the event was called. */
  readonly called: ReadonlyMap<Event, number>;
  readonly told: ReadonlyMap<Event, 'done' | 'refused' | 'unknown'>;
  /** Keys deleted at some time; and those of them that came back by a copy that was late. */
  readonly deleted: ReadonlySet<string>;
  readonly late: ReadonlySet<string>;
}

/** Violations by name. */
export const violations = {
  twice: 'an event takes effect twice',
  ghost: 'a refused event takes effect',
  invalid: 'an event takes effect that the handler refuses there',
  lie: 'an event is acknowledged that is not in the journal',
  refusal: 'an event is refused on no state since its call',
  tail: 'the tail is not what follows the pages',
  page: 'a page is not what was trimmed',
  body: 'a body is wanted that is not there',
  part: 'a snapshot is wanted that is not there',
  pointer: 'a snapshot does not name the page that follows it',
  backwards: 'the pointer moves back',
  reader: 'a registered reader is overtaken',
  state: 'a reader has a wrong state',
  gap: 'a reader reports a loss that is none',
  garbage: 'something is left behind that nobody will find',
  stuck: 'not all come to rest',
} as const;

export function openLedger(): Ledger {
  return {
    commits: [],
    folds: [noFold],
    starts: [1],
    called: new Map(),
    told: new Map(),
    deleted: new Set(),
    late: new Set(),
  };
}

/** The head becomes `next`, whose last commit means these events. */
export function recordCommit(world: World, next: Head, meant: readonly Event[]): void {
  const { ledger } = world;
  const before = ledger.folds.at(-1) as Fold;
  const commit = next.tail.at(-1) as Commit;
  let { state } = before;
  for (const event of meant) {
    if (state.includes(`${event};`)) world.fail(violations.twice);
    if (ledger.told.get(event) === 'refused') world.fail(violations.ghost);
    if (refuses(state, event)) world.fail(violations.invalid);
    state += `${event};`;
  }
  world.ledger = {
    ...ledger,
    commits: [...ledger.commits, commit],
    folds: [...ledger.folds, { ...apply(before, { ...commit, skip: [] }, meant) }],
    starts: next.pages < ledger.starts.length ? ledger.starts : [...ledger.starts, tailFrom(next)],
  };
  world.head = next;
}

export function recordCall(world: World, events: readonly Event[]): void {
  const called = new Map(world.ledger.called);
  for (const event of events) called.set(event, world.head.place);
  world.ledger = { ...world.ledger, called };
}

/** A caller is told. */
export function recordTold(world: World, event: Event, outcome: 'done' | 'refused' | 'unknown'): void {
  const { folds, called, told } = world.ledger;
  const now = folds.at(-1) as Fold;
  if (outcome === 'done' && !now.state.includes(`${event};`)) world.fail(violations.lie);
  if (outcome === 'refused') {
    if (now.state.includes(`${event};`)) world.fail(violations.ghost);
    const since = folds.slice(called.get(event) as number);
    if (!since.some(({ state }) => refuses(state, event))) world.fail(violations.refusal);
  }
  world.ledger = { ...world.ledger, told: new Map(told).set(event, outcome) };
}

/** A reader has read up to `head`. */
export function recordRead(world: World, { place, state, seq }: Fold, head: Head): void {
  const truth = world.ledger.folds[head.place] as Fold;
  if (place !== head.place || state !== truth.state || seq !== truth.seq) world.fail(violations.state);
}

/** What must hold of the stored things at every moment. */
export function audit(world: World): void {
  const { head, snap, items, ledger, rotten } = world;
  if (rotten) return;
  const { commits, folds, starts } = ledger;
  const from = starts[snap.prunedTo] ?? Number.POSITIVE_INFINITY;
  for (let page = snap.prunedTo; page < head.pages; page += 1) {
    const item = items.get(pageKey(page));
    const truth = commits.slice((starts[page] as number) - 1, (starts[page + 1] as number) - 1);
    if (item === undefined || !('commits' in item) || !isSame(item.commits, truth)) world.fail(violations.page);
  }
  if (!isSame(head.tail, commits.slice((starts[head.pages] ?? 1) - 1))) world.fail(violations.tail);
  for (const { place, writer, n, body } of commits) {
    if (body && place >= from && !items.has(bodyKey(writer, n))) world.fail(violations.body);
  }
  let before = 0;
  for (const { id, place, page, parts } of snap.kept) {
    if (place <= before) world.fail(violations.backwards);
    before = place;
    if (page < snap.prunedTo || (starts[page] ?? Number.POSITIVE_INFINITY) > place + 1) world.fail(violations.pointer);
    for (let part = 0; part < parts; part += 1) {
      const item = items.get(partKey(id, part));
      if (item === undefined || !('fold' in item)) world.fail(violations.part);
      else if (item.fold.state !== folds[place]?.state) world.fail(violations.state);
    }
  }
  for (const { page } of snap.readers) if (page < snap.prunedTo) world.fail(violations.reader);
}

/** Keys of items that nobody wants and nobody is going to delete. */
export function garbage({ head, snap, items, ledger }: World): string[] {
  const wanted = new Set<string>();
  for (let page = snap.prunedTo; page <= head.pages; page += 1) wanted.add(pageKey(page));
  const { writers } = ledger.folds.at(-1) as Fold;
  const answered = (writer: string, from: number, to: number) => {
    for (let n = from + 1; n <= to; n += 1) wanted.add(bodyKey(writer, n));
  };
  for (const { place, writer, n, prev, retires } of ledger.commits) {
    if (place < snap.prunedFrom) continue;
    if (retires) answered(writer, n, n + bodiesAheadMax);
    else answered(writer, prev, n);
  }
  for (const [writer, n] of writers) answered(writer, n, n + bodiesAheadMax);
  for (const { id, parts } of [...snap.kept, ...snap.making, ...snap.dropping]) {
    for (let part = 0; part < parts; part += 1) wanted.add(partKey(id, part));
  }
  return [...items.keys()].filter((key) => !wanted.has(key) && !ledger.late.has(key));
}

function isSame(some: readonly Commit[], others: readonly Commit[]): boolean {
  return some.length === others.length && some.every((commit, index) => commit === others[index]);
}

/**
 * Which worlds mean the same: a short text per world.
 *
 * There is one order, so a head, a fold, and a commit read from anywhere are told by their places: whatever else they held
 * would be a violation already. What waits in actors and on its way is told in full.
 */
import type { Actor, Writer } from './actors.js';
import type { Reading } from './reading.js';
import type { Entry, KnownPage, Snap, Unnamed } from './shapes.js';
import type { World } from './world.js';

/** Texts of parts that did not change since the last world. */
export type Texts = WeakMap<object, string>;

export function keyOf(world: World, texts: Texts): string {
  const { head, snap, items, loose, actors, ledger, losses, crashes } = world;
  const text = <T extends object>(part: T, of: (part: T) => string): string => {
    const known = texts.get(part);
    if (known !== undefined) return known;
    const made = of(part);
    texts.set(part, made);
    return made;
  };
  const stored: string[] = [];
  for (const [key, item] of items) stored.push(`${key}=${item.text}`);
  const late = loose.map((copy) => copy.text);
  let key = `${head.pages}|${losses}|${crashes}|${text(ledger, ledgerText)}|${text(snap, snapText)}`;
  key += `|${stored.sort().join()}|${late.sort().join()}`;
  for (const actor of actors) key += `|${text(actor, actorText)}`;
  return key;
}

function ledgerText({ commits, folds, starts, told, called }: World['ledger']): string {
  let text = `${folds.at(-1)?.state}/${starts.join()}/`;
  for (const { writer, n, retires } of commits) text += `${writer}${retires ? '!' : '.'}${n},`;
  for (const [event, place] of [...called].sort()) text += `${event}${told.get(event)?.[0] ?? place}`;
  return text;
}

const names = (all: readonly Unnamed[]) => all.map(({ id, parts }) => `${id}.${parts}`).join();

function snapText({ kept, making, dropping, prunedTo, sweptTo, sweptFrom, readers }: Snap): string {
  const registered = readers.map(({ id, page }) => `${id}@${page}`).join();
  return `${kept.map(entryText).join()}/${names(making)}/${names(dropping)}/${prunedTo}.${sweptTo}.${sweptFrom}/${registered}`;
}

function entryText({ id, place, page }: Entry): string {
  return `${id}@${place}.${page}`;
}

function actorText(actor: Actor): string {
  const { serial, up, reading } = actor;
  const common = `${serial}${up ? '' : 'x'}${reading === undefined ? '' : readingText(reading)}`;
  switch (actor.kind) {
    case 'writer':
      return `${common}/${writerText(actor)}`;
    case 'snapshotter': {
      const { left, phase, image, entry, part, room } = actor;
      return `${common}/${left}${phase}${image?.place}.${entry === undefined ? '' : entryText(entry)}.${part}.${room}`;
    }
    case 'pruner': {
      const { left, retirements, phase, planned, page, doomed, image } = actor;
      const plan = planned === undefined ? '' : snapText(planned);
      return `${common}/${left}.${retirements}${phase}${plan}/${page}/${doomed.join()}/${image?.place}`;
    }
    case 'reader':
      return `${common}/${actor.left}`;
    case 'follower':
      return `${common}/${actor.left}.${actor.base.place}.${actor.fold?.place}`;
  }
}

function writerText(writer: Writer): string {
  const { base, last, next, batches, held, again, swap, known, spilling, placed, done } = writer;
  const waiting = batches.map(({ n, events, large, stored }) => `${n}${large ? stored[0] : ''}${events.join(' ')}`);
  const refused = held.map(({ event, asked }) => `${event}${asked ? '!' : ''}`);
  const flight =
    swap === undefined ? '' : `${swap.batch.n}@${swap.write.base}.${swap.write.next.pages}${swap.lost ? 'x' : ''}`;
  const page = known === undefined ? '' : pageText(known);
  return `${base.place}.${last}.${next}/${waiting}/${refused}/${again}/${flight}/${page}/${spilling}.${placed}.${done}`;
}

function pageText({ page, commits }: KnownPage): string {
  return `${page}:${commits[0]?.place}-${commits.at(-1)?.place}`;
}

function readingText(reading: Reading): string {
  const { phase, entry, part, start, page, next, head, commits, events, whole, trouble, restarts, registers } = reading;
  const at = `${start.place}.${page}.${next}.${head?.place}.${commits.length}.${events.length}`;
  return `${phase}${entry === undefined ? '' : entryText(entry)}.${part}/${at}/${whole}${trouble}${restarts}${registers}`;
}

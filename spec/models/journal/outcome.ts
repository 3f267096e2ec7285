/** What callers are told, and when: that their events took effect, or that the handler refuses them. */
import type { Flight, Writer } from './actors.js';
import { apply, refuses } from './fold.js';
import { recordTold } from './ledger.js';
import type { Commit, Event } from './shapes.js';
import type { World } from './world.js';

/** The swap took effect: its callers are told. `isBase`: nothing later was read yet. */
export function applied(world: World, writer: Writer, isBase: boolean): Writer {
  const { write, batch, refused } = writer.swap as Flight;
  const { next, meant } = write;
  for (const event of meant) recordTold(world, event, 'done');
  const commit = next.tail.at(-1) as Commit;
  const after = {
    ...writer,
    swap: undefined,
    batches: writer.batches.filter(({ n }) => n !== batch.n),
    last: Math.max(writer.last, batch.n),
    // They were asked after by the swap itself.
    held: [...writer.held, ...refused.map((event) => ({ event, asked: true }))],
  };
  if (!isBase) return after;
  const { placed } = writer;
  const isTrimmed = placed !== undefined && next.pages > writer.base.pages && placed < next.pages;
  return {
    ...after,
    base: next,
    fold: apply(writer.fold, { ...commit, skip: [] }, meant),
    placed: isTrimmed ? undefined : placed,
  };
}

/** Tells those whose refusal is final by now, and takes up again those who are not refused any more. */
export function settle(world: World, writer: Writer): Writer {
  const held: { event: Event; asked: boolean }[] = [];
  const again = [...writer.again];
  for (const one of writer.held) {
    if (!one.asked) held.push(one);
    else if (!refuses(writer.fold.state, one.event)) {
      world.meet('refused, then not');
      again.push(one.event);
    } else if (world.protocol.mayRefuse({ speculative: false, asked: true })) {
      recordTold(world, one.event, 'refused');
    } else held.push(one);
  }
  return { ...writer, held, again };
}

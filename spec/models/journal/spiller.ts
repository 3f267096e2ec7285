/**
 * The spilling half of a writer's process: puts the tail into the next page ahead of need, so that the next commit can
 * trim it; reads the page when it does not know what it holds; looks back at what it has put when the head moved past it.
 */
import type { Writer } from './actors.js';
import { limits } from './protocol.js';
import { deleteActions, putActions } from './requests.js';
import { type Commit, pageKey } from './shapes.js';
import type { Action, World } from './world.js';

export function spillActions(world: World, writer: Writer): Action[] {
  const { name, base, known, spilling, placed } = writer;
  if (spilling !== undefined) {
    return [{ name: `${name} reads page ${spilling}`, weight: 1, run: (after) => readPage(after, writer, spilling) }];
  }
  if (placed !== undefined && base.pages > placed) return lookBack(world, writer, placed);
  if (known?.page === base.pages || base.tail.length < limits.spillAt) return [];
  const { pages } = base;
  const { protocol } = world;
  const commits = protocol.pageContent(base, writer.swap?.write.next);
  const item = { text: commits.map((commit) => nameOf(commit)).join(), commits };
  const put = { name: `${name} puts page ${pages}`, key: pageKey(pages), item, once: protocol.putsPageOnce };
  return putActions(world, put, (after, answer) => {
    const isKnown = protocol.knowsPage(answer);
    if (answer === 'stored' && after.ledger.deleted.has(pageKey(pages))) after.meet('page put too late');
    after.set({
      ...writer,
      known: isKnown ? { page: pages, commits } : known,
      spilling: isKnown ? undefined : pages,
      placed: answer === 'exists' ? placed : pages,
    });
  });
}

/** What stands there counts, whoever put it; if nothing does, the page is forgotten. */
function readPage(world: World, writer: Writer, page: number): void {
  const item = world.items.get(pageKey(page));
  const after = { ...writer, spilling: undefined };
  if (item !== undefined && 'commits' in item) {
    world.meet('page read to trim');
    world.set({ ...after, known: { page, commits: item.commits } });
  } else world.set(after);
}

/** The head moved past a page that was put here, and not by a swap from here. */
function lookBack(world: World, writer: Writer, page: number): Action[] {
  const { name } = writer;
  const done = { ...writer, placed: undefined };
  if (!world.protocol.looksBack || !world.protocol.isLeftover(world.snap, page)) {
    return [{ name: `${name} leaves page ${page} to the pruner`, weight: 1, run: (after) => after.set(done) }];
  }
  return deleteActions(world, `${name} deletes page ${page}, put too late`, pageKey(page), (after, isDone) => {
    if (!isDone) return;
    after.meet('page put too late deleted');
    after.set(done);
  });
}

function nameOf({ place, writer, n }: Commit): string {
  return `${place}${writer}.${n}`;
}

/** Lineage of shards: what is read when, and what is believed of listings that are late and lie. */
import { mutant } from './mutant.mjs';

const forest = 'lib/streams/forest.ts';
const judge = 'lib/streams/forest-judge.ts';
const start = 'lib/streams/forest-start.ts';
const discovery = 'lib/streams/discovery.ts';
const rules = 'spec/streams/forest.spec.ts';
const asking = 'spec/streams/discovery.spec.ts';
const property = 'spec/streams/forest.property.spec.ts';

/** @type {readonly import('./mutant.mjs').Mutant[]} */
export const streamLineage = [
  mutant(
    'a child shard is started beside its parent',
    judge,
    "if (parent !== undefined && (parent.state !== 'finished' || parent.gap === 'untold')) return 'parent';",
    '',
    rules,
    'offers a child when its parent is done',
  ),
  mutant(
    'the child of a shard that was followed from its tip is judged by its name',
    start,
    "if (since !== undefined && !(beginning.from === 'latest' && isOfRead)) placeByName",
    'if (since !== undefined && isOfRead !== undefined) placeByName',
    rules,
    'reads the child of a shard that was read',
  ),
  mutant(
    'a root that turns up later is trusted to the second',
    start,
    'node.createdMs < since - skewMs) node.position',
    'node.createdMs < since) node.position',
    rules,
    'reads a root that turns up later',
  ),
  mutant(
    'what was made about the time of a start is begun there, and what lies above it passed over',
    start,
    'node.createdMs < since - skewMs) node.position',
    'node.createdMs < since + skewMs) node.position',
    rules,
    'if it rolled right after it',
  ),
  mutant(
    'one listing proves that a parent is gone',
    judge,
    "return !this.isYoung(node) || this.#isParentGone(node, node.parentId) ? undefined : 'listing';",
    'return undefined;',
    rules,
    'lets a second listing decide',
  ),
  mutant(
    'a parent that comes too late is read after its child',
    forest,
    "node.gap = 'untold';\n      else {",
    ';\n      else {',
    rules,
    'tells of a parent that turns up',
  ),
  mutant(
    'an ancestor of what a token began with is read again',
    judge,
    "if (!isSettled && (node.createdMs ?? 0) < this.#loosestMs()) return 'link';",
    '',
    property,
    'keeps order and leaves nothing out',
  ),
  mutant(
    'what lies above a shard of a token is read again',
    forest,
    '    if (this.#isPlaced) this.#passOver();\n',
    '',
    rules,
    'goes on from a token without',
  ),
  mutant(
    'a closed shard without a child has none',
    judge,
    'nowMs - node.endedMs <= this.#times.doubtMs && node.gap === undefined',
    'false',
    rules,
    'doubts a closed shard',
  ),
  mutant(
    'an end leaves the token before a child is known',
    forest,
    "node.state === 'finished' ? this.#judge.isOpenEnd(node) : waitsFor",
    "node.state === 'finished' ? false : waitsFor",
    rules,
    'keeps in a token',
  ),
  mutant(
    'a parent that vanished unread is not told of',
    forest,
    "this.#graph.node(parentId as string).gap = 'untold';",
    '',
    property,
    'tells of what was trimmed',
  ),
  mutant(
    'a finished shard is remembered for ever',
    forest,
    "if (age > tombstoneMs && node.timesMissed >= agreeing && node.gap !== 'untold') this.#graph.forget(node);",
    '',
    rules,
    'forgets a shard after two days',
  ),
  mutant(
    'a shard that is shown again for a moment is kept',
    forest,
    'if (this.#isPassing(node)) this.#graph.forget(node);',
    '',
    rules,
    'forgets a shard of another time',
  ),
  mutant(
    'a start before the oldest record is silent',
    start,
    "        node.gap = 'untold';\n",
    '',
    rules,
    'begins before the oldest record',
  ),
  mutant(
    'the end of an open shard is taken for a number',
    start,
    'if (node.lastSequence === undefined ? node.children.size === 0 : sequence',
    'if (node.lastSequence === undefined ? false : sequence',
    rules,
    'begins at a record in the shard',
  ),
  mutant(
    'a trail of pages is followed for ever',
    discovery,
    'isStuck || idlePages === 2',
    'idlePages === 2',
    asking,
    'comes again',
  ),
  mutant(
    'children are asked for once',
    discovery,
    'children.length > 0 || tries >= childTries',
    'children.length >= 0 || tries >= childTries',
    asking,
    'asks ten times',
  ),
];

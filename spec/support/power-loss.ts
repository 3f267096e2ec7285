/**
 * What a disk may hold after the power was lost: every state that the calls made so far do not rule out.
 *
 *   contents   what was synced stays. Of each later write: all, nothing, its first bytes, or some of its blocks of 512 bytes; in any
 *              order. A file may have grown all the same, with zeros or with what was on the disk before in its place.
 *   names      what was made, moved or removed stays so from the directory's next sync on. Until then each such change may have
 *              happened or not, whatever became of the others.
 *   a sync that failed   makes nothing stay, now or later: what was written before it is lost or not, for ever
 */
import type { Random } from '../../lib/engine/random.js';
import { type Change, type DiskImage, type NameSet, written } from './modelled-file-system.js';

type Write = Extract<Change, { readonly on: 'write' }>;

/** A moment: what is certain to be on the disk, and what is not. */
export interface Moment {
  /** Changes before it. */
  readonly at: number;
  readonly certain: DiskImage;
  readonly writes: readonly Write[];
  readonly names: readonly { readonly directory: string; readonly sets: readonly NameSet[] }[];
}

/** Now: after all changes. */
export function lastMoment(start: DiskImage, log: readonly Change[]): Moment {
  return [...momentsOf(start, log)].at(-1) as Moment;
}

/** Every moment between two changes, the first and the last included. */
export function* momentsOf(start: DiskImage, log: readonly Change[]): Generator<Moment> {
  const names = new Map(start.names);
  const contents = new Map(start.contents);
  let writes: (Write & { isLost?: boolean })[] = [];
  let changes: Moment['names'] = [];
  for (let at = 0; ; at += 1) {
    yield { at, certain: { names: new Map(names), contents: new Map(contents) }, writes: [...writes], names: changes };
    const change = log[at];
    if (change === undefined) return;
    switch (change.on) {
      case 'name':
        changes = [...changes, change];
        for (const [, file] of change.sets) {
          if (file !== undefined && !contents.has(file)) contents.set(file, Buffer.alloc(0));
        }
        break;
      case 'write':
        writes = [...writes, { ...change }];
        break;
      case 'sync failed':
        writes = writes.map((write) => (write.file === change.file ? { ...write, isLost: true } : write));
        break;
      case 'sync':
        for (const { file, bytes, position, isLost } of writes) {
          if (file !== change.file || isLost === true) continue;
          contents.set(file, written(contents.get(file) as Buffer, bytes, position));
        }
        writes = writes.filter(({ file, isLost }) => file !== change.file || isLost === true);
        break;
      case 'sync directory':
        for (const { directory, sets } of changes) if (directory === change.directory) setAll(names, sets);
        changes = changes.filter(({ directory }) => directory !== change.directory);
        break;
    }
  }
}

/** What becomes of the bytes of one write. */
type Fate = 'all' | 'nothing' | { readonly first: number } | { readonly blocks: readonly boolean[] };

const block = 512;

/**
 * States that the disk may be in, those at the corners first: nothing that is uncertain happened, all of it did, each of the changes
 * alone, all but it; every cut of the last write. Then as many more as wished, drawn at random.
 */
export function* imagesAfter(moment: Moment, random: Random, drawn: number): Generator<DiskImage> {
  const { writes, names } = moment;
  const last = writes.at(-1);
  const all = names.map(() => true);
  const corners = [
    all,
    names.map(() => false),
    ...names.flatMap((_, i) => [names.map((_, j) => i === j), names.map((_, j) => i !== j)]),
  ];
  for (const done of corners) {
    yield imageOf(
      moment,
      done,
      writes.map(() => 'all'),
      'none',
      random,
    );
    if (writes.length > 0)
      yield imageOf(
        moment,
        done,
        writes.map(() => 'nothing'),
        'none',
        random,
      );
  }
  if (last !== undefined) {
    for (const first of cutsOf(last, random)) {
      const fates = writes.map((write): Fate => (write === last ? { first } : 'all'));
      for (const grown of ['none', 'zeros', 'garbage'] as const) yield imageOf(moment, all, fates, grown, random);
    }
  }
  if (writes.length + names.length === 0) return;
  for (let count = 0; count < drawn; count += 1) {
    const done = names.map(() => random.int(2) === 0);
    const grown = (['none', 'zeros', 'garbage'] as const)[random.int(3)] as 'none';
    yield imageOf(
      moment,
      done,
      writes.map((write) => fateOf(write, random)),
      grown,
      random,
    );
  }
}

/** A short write is cut everywhere, a long one at its blocks and at some bytes. */
function cutsOf({ bytes, position }: Write, random: Random): number[] {
  if (bytes.length <= 64) return Array.from({ length: bytes.length }, (_, first) => first);
  const cuts = [1, 3, 4, 8, 11, 12, bytes.length - 1];
  for (let at = block - (position % block); at < bytes.length; at += block) cuts.push(at);
  for (let more = 0; more < 8; more += 1) cuts.push(random.int(bytes.length));
  return cuts;
}

function fateOf({ bytes, position }: Write, random: Random): Fate {
  switch (random.int(4)) {
    case 0:
      return 'all';
    case 1:
      return 'nothing';
    case 2:
      return { first: random.int(bytes.length + 1) };
    default: {
      const count = Math.ceil((position + bytes.length) / block) - Math.floor(position / block);
      return { blocks: Array.from({ length: count }, () => random.int(2) === 0) };
    }
  }
}

function imageOf(
  { certain, writes, names }: Moment,
  done: readonly boolean[],
  fates: readonly Fate[],
  grown: 'none' | 'zeros' | 'garbage',
  random: Random,
): DiskImage {
  const contents = new Map(certain.contents);
  const ends = new Map<number, number>();
  for (const [index, { file, bytes, position }] of writes.entries()) {
    ends.set(file, Math.max(ends.get(file) ?? 0, position + bytes.length));
    for (const [from, to] of survivingRanges(fates[index] as Fate, bytes.length, position)) {
      contents.set(
        file,
        filled(contents.get(file) as Buffer, bytes.subarray(from, to), position + from, grown, random),
      );
    }
  }
  if (grown !== 'none') {
    for (const [file, end] of ends) {
      const content = contents.get(file) as Buffer;
      if (content.length < end) contents.set(file, filled(content, Buffer.alloc(0), end, grown, random));
    }
  }
  const after = new Map(certain.names);
  for (const [index, { sets }] of names.entries()) if (done[index]) setAll(after, sets);
  // What has no name any more is gone.
  const named = new Set(after.values());
  for (const file of contents.keys()) if (!named.has(file)) contents.delete(file);
  return { names: after, contents };
}

/** A write beyond the end leaves a gap, which holds what `grown` says. */
function filled(content: Buffer, bytes: Buffer, position: number, grown: string, random: Random): Buffer {
  const gap = Buffer.alloc(Math.max(0, position - content.length));
  if (grown === 'garbage') for (let at = 0; at < gap.length; at += 1) gap[at] = random.int(256);
  return written(Buffer.concat([content, gap]), bytes, position);
}

function survivingRanges(fate: Fate, length: number, position: number): readonly (readonly [number, number])[] {
  if (fate === 'nothing') return [];
  if (fate === 'all') return [[0, length]];
  if ('first' in fate) return fate.first === 0 ? [] : [[0, fate.first]];
  const start = Math.floor(position / block) * block - position;
  return fate.blocks.flatMap((survives, index) => {
    const from = Math.max(0, start + index * block);
    const to = Math.min(length, start + (index + 1) * block);
    return survives && from < to ? [[from, to] as const] : [];
  });
}

function setAll(names: Map<string, number>, sets: readonly NameSet[]): void {
  for (const [path, file] of sets) {
    if (file === undefined) names.delete(path);
    else names.set(path, file);
  }
}

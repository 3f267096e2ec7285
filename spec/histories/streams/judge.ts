/**
 * What is wrong with what consumers wrote down, given what the stream really has. Pure.
 *
 *   each record is delivered at least once
 *   of each item: whoever comes to own a shard begins at or before the one that is next, and goes on one by one
 *   what is stored as done is not delivered again under a later epoch
 *   what was delivered in an epoch that was given up in order is not delivered again, unless its handler had failed
 *   in each epoch of a shard there is one owner
 */
import { compareSequences } from '../../../lib/streams/index.js';
import type { Heard, Written } from './notes.js';

/** What came of it. */
export interface StreamVerdict {
  readonly findings: readonly string[];
  /** Records handed to handlers, and how many of them again. */
  readonly delivered: number;
  readonly repeats: number;
  readonly epochs: number;
  readonly refused: number;
  /** Shards that were let go of other than in order. */
  readonly lost: number;
  /** Most processes that asked for records of one shard in the same stretch of time. */
  readonly readersMax: number;
}

const findingsMax = 20;

export function judgeStream(truth: readonly Written[], notes: readonly Heard[]): StreamVerdict {
  const findings = [
    ...notes.flatMap((note) => (note.kind === 'failed' ? [`${note.by}: ${note.why}`] : [])),
    ...ownersOf(notes),
    ...orderOf(notes),
    ...storedOf(notes),
    ...givenUpOf(notes),
  ];
  const seen = new Set<string>();
  let delivered = 0;
  for (const note of notes) {
    if (note.kind !== 'delivered') continue;
    delivered += note.records.length;
    for (const { seq } of note.records) seen.add(seq);
  }
  const missing = truth.filter(({ seq }) => !seen.has(seq));
  for (const { seq, key, n } of missing) findings.push(`write ${n} of ${key} (${seq}) was never delivered`);
  if (seen.size + missing.length > truth.length) findings.push('something was delivered that is not in the stream');
  return {
    findings: findings.slice(0, findingsMax),
    delivered,
    repeats: delivered - seen.size,
    epochs: new Set(notes.map(({ shardId, epoch }) => `${shardId} ${epoch}`)).size,
    refused: notes.filter(({ kind }) => kind === 'refused').length,
    lost: notes.filter((note) => note.kind === 'left' && note.why.startsWith('shard-lost')).length,
    readersMax: readersOf(notes),
  };
}

function ownersOf(notes: readonly Heard[]): string[] {
  const owners = new Map<string, string>();
  return notes.flatMap(({ kind, shardId, epoch, by }) => {
    if (kind !== 'started') return [];
    const name = `${shardId}, epoch ${epoch}`;
    const owner = owners.get(name) ?? by;
    owners.set(name, owner);
    return owner === by ? [] : [`${name} has two owners: ${owner} and ${by}`];
  });
}

/** What one process was given of one shard, in one epoch. */
interface Run {
  readonly shardId: string;
  readonly epoch: number;
  readonly by: string;
  readonly records: Written[];
  /** By item. */
  readonly last: Map<string, number>;
}

/** Notes of two processes may be heard in another order than they were said, so what counts is epochs, not time. */
function orderOf(notes: readonly Heard[]): string[] {
  const findings: string[] = [];
  const runs = new Map<string, Run>();
  for (const note of notes) {
    if (note.kind !== 'delivered') continue;
    const { shardId, epoch, by, attempt } = note;
    const name = `${shardId}, epoch ${epoch}, ${by}`;
    const run: Run = runs.get(name) ?? { shardId, epoch, by, records: [], last: new Map() };
    runs.set(name, run);
    for (const record of note.records) {
      const { key, n } = record;
      const before = run.last.get(key);
      const isNext = before === undefined || n === before + 1;
      if (!isNext && !(attempt > 1 && n <= before)) {
        findings.push(`${name}: write ${n} of ${key} was delivered after ${before}`);
      }
      run.last.set(key, n);
      run.records.push(record);
    }
  }
  // Shards in the order of their ids: parents first; epochs in theirs.
  const ordered = [...runs.values()].sort((a, b) =>
    a.shardId === b.shardId ? a.epoch - b.epoch : a.shardId < b.shardId ? -1 : 1,
  );
  const highest = new Map<string, number>();
  for (const { shardId, epoch, by, records } of ordered) {
    const begun = new Set<string>();
    for (const { key, n } of records) {
      const most = highest.get(key) ?? 0;
      if (!begun.has(key) && n > most + 1) {
        findings.push(
          `${shardId}, epoch ${epoch}, ${by}: begins with write ${n} of ${key}, and ${most} was the last delivered`,
        );
      }
      begun.add(key);
    }
    for (const { key, n } of records) highest.set(key, Math.max(highest.get(key) ?? 0, n));
  }
  return findings;
}

function storedOf(notes: readonly Heard[]): string[] {
  /** By shard, the highest that was stored in each epoch. */
  const stored = new Map<string, Map<number, string>>();
  for (const note of notes) {
    if (note.kind !== 'stored') continue;
    const { shardId, epoch, seq } = note;
    const epochs = stored.get(shardId) ?? new Map<number, string>();
    stored.set(shardId, epochs);
    const highest = epochs.get(epoch);
    if (highest === undefined || compareSequences(highest, seq) < 0) epochs.set(epoch, seq);
  }
  return notes.flatMap((note) => {
    const first = note.kind === 'delivered' ? note.records[0] : undefined;
    if (first === undefined) return [];
    const behind = [...(stored.get(note.shardId) ?? [])].find(([epoch, seq]) => {
      return epoch < note.epoch && compareSequences(first.seq, seq) <= 0;
    });
    if (behind === undefined) return [];
    const [epoch, seq] = behind;
    return [`${note.shardId}: ${first.seq} was delivered in epoch ${note.epoch}, and ${seq} was stored in ${epoch}`];
  });
}

function givenUpOf(notes: readonly Heard[]): string[] {
  /** Records that handlers came to an end with, by epoch. */
  const handled = new Map<string, Written[][]>();
  const givenUp = new Map<string, { readonly shardId: string; readonly epoch: number }>();
  for (const note of notes) {
    const { shardId, epoch } = note;
    const name = `${shardId}, epoch ${epoch}`;
    if (note.kind === 'delivered') {
      const batches: Written[][] = handled.get(name) ?? [];
      handled.set(name, batches);
      batches.push([...note.records]);
    }
    if (note.kind === 'refused') handled.get(name)?.pop();
    if (note.kind === 'left' && (note.why === 'shard-yielded' || note.why === 'shard-ended'))
      givenUp.set(name, { shardId, epoch });
  }
  const done = new Map<string, number>();
  for (const [name, { epoch }] of givenUp) {
    for (const { seq } of handled.get(name)?.flat() ?? []) done.set(seq, Math.min(epoch, done.get(seq) ?? epoch));
  }
  return notes.flatMap((note) => {
    if (note.kind !== 'delivered') return [];
    const again = note.records.find(({ seq }) => (done.get(seq) ?? note.epoch) < note.epoch);
    if (again === undefined) return [];
    return [
      `${note.shardId}: ${again.seq} was delivered in epoch ${note.epoch}, and in ${done.get(again.seq)}, which was given up in order`,
    ];
  });
}

function readersOf(notes: readonly Heard[]): number {
  const stretches = new Map<string, { shardId: string; fromMs: number; toMs: number }>();
  for (const note of notes) {
    if (note.kind !== 'read') continue;
    const { shardId, fromMs, toMs } = note;
    stretches.set(`${shardId} ${note.epoch} ${note.by}`, { shardId, fromMs, toMs });
  }
  const all = [...stretches.values()];
  // The most are there where one of them begins.
  const counts = all.map(({ shardId, fromMs: atMs }) => {
    return all.filter((one) => one.shardId === shardId && one.fromMs <= atMs && one.toMs >= atMs).length;
  });
  return Math.max(0, ...counts);
}

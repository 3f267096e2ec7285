/**
 * What a simulated GetShardIterator and GetRecords answer.
 *
 * An iterator is a text that says all about itself, as the service's does: where it stands, when it was made, how many empty pages it
 * has seen. Nothing is kept for it here.
 */
import type { IteratorStart, RecordsPage, StreamRecord } from '../../streams/index.js';
import type { StreamCaprices } from './caprices.js';
import type { Draws } from './draws.js';
import { atOrBehind, type RecordLog } from './record-log.js';
import { compareSequences } from './sequence-line.js';
import type { SimulatedShard } from './simulated-shard.js';
import type { StreamSimulatorLimits } from './stream-limits.js';
import { invalid, iteratorExpired, recordsTrimmed } from './stream-refusals.js';

/** Empty pages in a row, while there are records. */
const emptyRunMax = 4;

/** An iterator, taken apart. */
export interface SimulatedIterator {
  /** Of the simulator's shards, in the order of their making. */
  readonly shard: number;
  /** Of the record that comes next; -1: LATEST, and not fixed yet; -2: trimmed. */
  readonly index: number;
  readonly madeAtMs: number;
  readonly emptyPages: number;
  /** LATEST is fixed then, if nobody reads before. */
  readonly fixedAtMs: number;
}

const unfixed = -1;
const trimmed = -2;

export function iteratorText({ shard, index, madeAtMs, emptyPages, fixedAtMs }: SimulatedIterator): string {
  return `simulated/${shard}/${index}/${madeAtMs}/${emptyPages}/${fixedAtMs}`;
}

export function parseIterator(text: string): SimulatedIterator {
  const parts = String(text).split('/');
  if (parts.length !== 6 || parts[0] !== 'simulated') throw invalid('Invalid ShardIterator');
  return {
    shard: Number(parts[1]),
    index: Number(parts[2]),
    madeAtMs: Number(parts[3]),
    emptyPages: Number(parts[4]),
    fixedAtMs: Number(parts[5]),
  };
}

/** What a page depends on beside the shard. */
export interface PageWorld {
  readonly limits: StreamSimulatorLimits;
  readonly caprices: StreamCaprices;
  readonly draws: Draws;
  readonly nowMs: number;
}

/** The iterator that stands where `start` says. */
export function startIterator(shard: SimulatedShard, start: IteratorStart, world: PageWorld): SimulatedIterator {
  const { caprices, draws, nowMs } = world;
  const at = (index: number, fixedAtMs = 0): SimulatedIterator => {
    return { shard: shard.ordinal, index, madeAtMs: Math.floor(nowMs), emptyPages: 0, fixedAtMs };
  };
  switch (start.type) {
    case 'TRIM_HORIZON':
      return at(shard.log.firstIndex);
    case 'LATEST':
      if (shard.end !== undefined) return at(shard.log.endIndex);
      if (!draws.chance(caprices.softLatest)) return at(tip(shard, nowMs));
      return at(unfixed, Math.floor(nowMs + draws.within(caprices.softLatestMs)));
    default:
      return at(indexAt(shard, start, world));
  }
}

/** Behind what can be read now. */
function tip(shard: SimulatedShard, nowMs: number): number {
  return shard.log.find((record) => record.visibleAtMs > nowMs);
}

function indexAt(
  { log, firstSequence, end }: SimulatedShard,
  start: IteratorStart & { readonly sequence: string },
  { caprices, draws }: PageWorld,
): number {
  const { type, sequence } = start;
  if (!/^\d{21,40}$/.test(sequence)) throw invalid(`Invalid SequenceNumber: ${sequence}`);
  const newest = log.endIndex > log.firstIndex ? log.at(log.endIndex - 1).sequence : log.lastDropped;
  const last = end?.lastSequence ?? newest ?? firstSequence;
  if (compareSequences(sequence, firstSequence) < 0 || compareSequences(sequence, last) > 0) {
    throw invalid(`Invalid SequenceNumber for the shard: ${sequence}`);
  }
  const isAfter = type === 'AFTER_SEQUENCE_NUMBER';
  if (isTrimmed(log, sequence, isAfter, caprices.strictTrim)) {
    const now = caprices.trimmedAt === 'iterator' || (caprices.trimmedAt === 'either' && draws.chance(0.5));
    if (now) throw recordsTrimmed();
    return trimmed;
  }
  const index = atOrBehind(log, sequence);
  const isThere = index < log.endIndex && log.at(index).sequence === sequence;
  return isAfter && isThere ? index + 1 : index;
}

/** Whether a position lies before what is kept; when strict, also if no record was ever between. */
function isTrimmed(log: RecordLog, sequence: string, isAfter: boolean, isStrict: boolean): boolean {
  const { lastDropped, firstIndex, endIndex } = log;
  const beyond = lastDropped === undefined ? 1 : compareSequences(sequence, lastDropped);
  if (beyond < 0 || (beyond === 0 && !isAfter)) return true;
  if (!isStrict) return false;
  if (firstIndex === endIndex) return beyond === 0;
  return BigInt(sequence) + (isAfter ? 1n : 0n) < BigInt(log.at(firstIndex).sequence);
}

/** The page at an iterator, and the iterator behind it. */
export function readPage(
  shard: SimulatedShard,
  iterator: SimulatedIterator,
  limit: number,
  world: PageWorld,
): RecordsPage {
  const { limits, caprices, draws, nowMs } = world;
  const { log, end } = shard;
  if (nowMs - iterator.madeAtMs > limits.iteratorLifeMs) throw iteratorExpired();
  const from = iterator.index === unfixed ? fixed(shard, Math.min(iterator.fixedAtMs, nowMs)) : iterator.index;
  if (from < log.firstIndex) throw recordsTrimmed();
  const endIndex = log.endIndex;
  const records: StreamRecord[] = [];
  let index = from;
  let emptyPages = 0;
  if (from < endIndex && iterator.emptyPages < emptyRunMax && draws.chance(caprices.emptyPages)) {
    emptyPages = iterator.emptyPages + 1;
  } else {
    const there = Math.min(limit, endIndex - from);
    const count = there > 0 && draws.chance(caprices.shortPages) ? 1 + draws.int(there) : there;
    let bytes = 0;
    for (; index < endIndex && records.length < count; index += 1) {
      const one = log.at(index);
      bytes += one.bytes;
      if (one.visibleAtMs > nowMs || (records.length > 0 && bytes > limits.recordsPageBytesMax)) break;
      records.push(one.record);
    }
  }
  if (end !== undefined && index === endIndex && emptyPages === 0) {
    const { lastPage } = caprices;
    const isLast = lastPage === 'with-records' || (lastPage === 'either' && draws.chance(0.5));
    if (records.length === 0 || isLast) return { records };
  }
  const next = { shard: iterator.shard, index, madeAtMs: Math.floor(nowMs), emptyPages, fixedAtMs: 0 };
  return { records, nextIterator: iteratorText(next) };
}

/** Where LATEST stands that was fixed at `ms`: behind all that was written by then. */
function fixed({ log }: SimulatedShard, ms: number): number {
  return log.find((record) => record.writtenAtMs > ms);
}

/** One shard, asked page by page, behind a port that answers as it is told. */
import { describe, expect, it } from '@jest/globals';
import type { IteratorStart, RecordsPage, ShardPosition, StreamRecord, StreamsPort } from '../../lib/streams/index.js';
import { ageLimitsDefault, ShardReader, type ShardStart } from '../../lib/streams/shard-reader.js';
import { VirtualClock } from '../../lib/testing/index.js';

const madeAtMs = Date.UTC(2026, 0, 1);
const shardId = `shardId-${String(madeAtMs).padStart(20, '0')}-00000001`;

const named = (name: string): Error => Object.assign(new Error(name), { name, $fault: 'client' });

/** A record with this number, written at this time. */
const record = (sequence: number, atMs: number): StreamRecord => ({
  eventID: String(sequence),
  dynamodb: { SequenceNumber: String(sequence), ApproximateCreationDateTime: new Date(atMs), SizeBytes: 10 },
});

/** A reader whose questions are answered in turn: a page, or a failure. */
function readerOf(start: ShardStart, answers: (RecordsPage | Error)[], clock: VirtualClock = new VirtualClock()) {
  const starts: IteratorStart[] = [];
  const iterators: string[] = [];
  let isStreamGone = false;
  const port = {
    name: 'told',
    async iterator(request: { readonly start: IteratorStart }) {
      starts.push(request.start);
      return `iterator-${starts.length}`;
    },
    async records({ iterator }: { readonly iterator: string }) {
      iterators.push(iterator);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('no more answers');
      if (answer instanceof Error) throw answer;
      return answer;
    },
    async describe() {
      if (isStreamGone) throw named('ResourceNotFoundException');
      return {};
    },
  } as unknown as StreamsPort;
  const options = { port, clock, arn: 'arn', shardId, start, ages: ageLimitsDefault, pageRecordsMax: 1_000 };
  return {
    clock,
    starts,
    iterators,
    reader: new ShardReader(options),
    loseStream() {
      isStreamGone = true;
    },
  };
}

const from = (position: ShardPosition | 'latest', isContinuation = false): ShardStart => ({ position, isContinuation });
const page = (records: readonly StreamRecord[], nextIterator?: string): RecordsPage => ({ records, nextIterator });

describe('ShardReader', () => {
  it('goes from page to page by the iterators that it is given, and hands out the last page', async () => {
    const { reader, starts, iterators } = readerOf(from('trim-horizon'), [
      page([record(1, madeAtMs)], 'a'),
      page([], 'b'),
      page([record(2, madeAtMs)]),
    ]);
    expect(await reader.poll({})).toMatchObject({ isEnd: false, position: { after: '1' } });
    expect(await reader.poll({})).toMatchObject({ records: [], isEnd: false, position: { after: '1' } });
    const last = await reader.poll({});
    expect(last).toMatchObject({ isEnd: true, position: 'end' });
    expect(last.records).toHaveLength(1);
    expect(await reader.poll({})).toMatchObject({ records: [], isEnd: true });
    expect(iterators).toEqual(['iterator-1', 'a', 'b']);
    expect(starts).toEqual([{ type: 'TRIM_HORIZON' }]);
  });

  it('gets another iterator after the last record when one has expired', async () => {
    const { reader, starts } = readerOf(from({ after: '7' }), [
      page([record(8, madeAtMs)], 'a'),
      named('ExpiredIteratorException'),
      page([record(9, madeAtMs)], 'b'),
    ]);
    await reader.poll({});
    expect((await reader.poll({})).records).toHaveLength(1);
    expect(starts).toEqual([
      { type: 'AFTER_SEQUENCE_NUMBER', sequence: '7' },
      { type: 'AFTER_SEQUENCE_NUMBER', sequence: '8' },
    ]);
  });

  it('gets another one before it can expire', async () => {
    const { reader, starts, clock } = readerOf(from({ after: '7' }), [page([], 'a'), page([], 'b'), page([], 'c')]);
    await reader.poll({});
    await clock.advance(9 * 60_000);
    await reader.poll({});
    expect(starts).toHaveLength(1);
    await clock.advance(10 * 60_000);
    await reader.poll({});
    expect(starts).toHaveLength(2);
  });

  it('stays where it is when a page could not be fetched', async () => {
    const { reader, iterators } = readerOf(from('trim-horizon'), [
      page([record(1, madeAtMs)], 'a'),
      named('InternalServerError'),
      page([record(2, madeAtMs)], 'b'),
    ]);
    await reader.poll({});
    await expect(reader.poll({})).rejects.toThrow('InternalServerError');
    expect(reader.position).toEqual({ after: '1' });
    expect((await reader.poll({})).records).toHaveLength(1);
    expect(iterators).toEqual(['iterator-1', 'a', 'a']);
  });

  describe('from the tip', () => {
    it('stands at the moment of its first look, a little early, and drops what is older when it has lost its iterator', async () => {
      const clock = new VirtualClock({ nowMs: madeAtMs + 3_600_000 });
      const since = clock.now();
      const { reader, starts } = readerOf(
        from('latest'),
        [
          page([], 'a'),
          named('ExpiredIteratorException'),
          page([record(1, since - 7 * 60_000), record(2, since - 5 * 60_000), record(3, since + 1)], 'b'),
        ],
        clock,
      );
      expect(await reader.poll({})).toMatchObject({ records: [], position: { latestSince: since } });
      const { records } = await reader.poll({});
      expect(starts).toEqual([{ type: 'LATEST' }, { type: 'TRIM_HORIZON' }]);
      // The service's clock and ours may differ by as much as it bears: it repeats and does not lose.
      expect(records.map(({ eventID }) => eventID)).toEqual(['2', '3']);
    });

    it('drops what is older on all pages, and counts none of that as done', async () => {
      const clock = new VirtualClock({ nowMs: madeAtMs + 3_600_000 });
      const since = clock.now();
      const { reader, starts } = readerOf(
        from({ latestSince: since }, true),
        [
          page([record(1, madeAtMs), record(2, madeAtMs)], 'a'),
          page([record(3, madeAtMs)], 'b'),
          named('ExpiredIteratorException'),
          page([record(4, madeAtMs), record(5, since), record(6, madeAtMs)], 'c'),
          page([record(7, madeAtMs)], 'd'),
        ],
        clock,
      );
      const nothing = { records: [], position: { latestSince: since } };
      expect(await reader.poll({})).toMatchObject(nothing);
      expect(await reader.poll({})).toMatchObject(nothing);
      expect(await reader.poll({})).toMatchObject({ records: [{ eventID: '5' }, { eventID: '6' }] });
      expect(reader.position).toEqual({ after: '6' });
      expect((await reader.poll({})).records).toHaveLength(1);
      // What was passed over once is not asked for again.
      expect(starts).toEqual([{ type: 'TRIM_HORIZON' }, { type: 'AFTER_SEQUENCE_NUMBER', sequence: '3' }]);
    });

    it('drops nothing that comes by the iterator at the tip, whatever the clocks say', async () => {
      const clock = new VirtualClock({ nowMs: madeAtMs + 3_600_000 });
      const { reader } = readerOf(from('latest'), [page([record(1, madeAtMs)], 'a')], clock);
      expect((await reader.poll({})).records).toHaveLength(1);
    });

    it('looks how old its moment is whenever it has lost its iterator', async () => {
      const { reader, clock } = readerOf(from('latest'), [
        page([], 'a'),
        named('ExpiredIteratorException'),
        page([record(9, madeAtMs + 30 * 3_600_000)], 'b'),
      ]);
      await reader.poll({});
      await clock.advance(30 * 3_600_000);
      await expect(reader.poll({})).rejects.toMatchObject({ gap: { reason: 'trimmed' } });
    });

    it('keeps its iterator however old it is: it is all that it has', async () => {
      const { reader, starts, clock } = readerOf(from('latest'), [page([], 'a'), page([], 'b')]);
      await reader.poll({});
      expect(reader.hangsOnIterator).toBe(true);
      await clock.advance(14 * 60_000);
      await reader.poll({});
      expect(starts).toHaveLength(1);
    });
  });

  describe('gaps', () => {
    it('are thrown where records after a position were removed, and again until somebody goes over them', async () => {
      const { reader } = readerOf(from({ after: '7' }), [
        named('TrimmedDataAccessException'),
        named('TrimmedDataAccessException'),
        page([record(20, madeAtMs)], 'a'),
      ]);
      const gap = { code: 'ERR_STREAM_GAP', gap: { shardId, reason: 'trimmed', after: '7' } };
      await expect(reader.poll({})).rejects.toMatchObject(gap);
      await expect(reader.poll({})).rejects.toMatchObject(gap);
      reader.resume({ shardId, reason: 'trimmed' });
      expect((await reader.poll({})).records).toHaveLength(1);
    });

    it('are thrown where the shard is gone; behind it is the end', async () => {
      const { reader } = readerOf(from({ after: '7' }), [named('ResourceNotFoundException')]);
      await expect(reader.poll({})).rejects.toMatchObject({ gap: { reason: 'shard-gone', after: '7' } });
      reader.resume({ shardId, reason: 'shard-gone' });
      expect(await reader.poll({})).toMatchObject({ isEnd: true, records: [] });
    });

    it('are none where nothing was promised: what was trimmed before anybody read', async () => {
      const trimmed = readerOf(from('trim-horizon'), [named('TrimmedDataAccessException'), page([], 'a')]);
      expect(await trimmed.reader.poll({})).toMatchObject({ isEnd: false });
      const gone = readerOf(from('trim-horizon'), [named('ResourceNotFoundException')]);
      expect(await gone.reader.poll({})).toMatchObject({ isEnd: true });
    });

    it('are thrown before a shard is continued from a beginning that is older than records get', async () => {
      const day = 24 * 3_600_000;
      // Clocks may differ by as much as the service bears.
      const young = new VirtualClock({ nowMs: madeAtMs + day - 7 * 60_000 });
      const inTime = readerOf(from('trim-horizon', true), [page([], 'a')], young);
      expect(await inTime.reader.poll({})).toMatchObject({ isEnd: false });
      const old = new VirtualClock({ nowMs: madeAtMs + day - 5 * 60_000 });
      const late = readerOf(from('trim-horizon', true), [page([], 'a')], old);
      await expect(late.reader.poll({})).rejects.toMatchObject({ gap: { reason: 'trimmed' } });
      expect(late.starts).toEqual([]);
      const moment = readerOf(from({ latestSince: madeAtMs }, true), [], old);
      await expect(moment.reader.poll({})).rejects.toMatchObject({ gap: { reason: 'trimmed' } });
    });

    it('are told from a stream that is gone', async () => {
      const { reader, loseStream } = readerOf(from({ after: '7' }), [named('ResourceNotFoundException')]);
      loseStream();
      await expect(reader.poll({})).rejects.toMatchObject({ code: 'ERR_STREAM', reason: 'not-found' });
    });
  });
});

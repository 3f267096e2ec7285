// Goal: nothing that was set aside is lost or out of order; what is set aside for one item stops nothing else; letters are redriven once.
// Method: workers over one shard, with a coordination table whose items tell what is left when a process dies.
import { describe, expect, it } from '@jest/globals';
import type { AtomTable } from '../../../lib/atom/index.js';
import { DeadLetterBox } from '../../../lib/streams/group/dead-letter-box.js';
import { DeadLetters } from '../../../lib/streams/group/dead-letters.js';
import type { GroupBatch, GroupHandler } from '../../../lib/streams/group/handler.js';
import { recordFrom, recordText } from '../../../lib/streams/group/record-text.js';
import { ShardWorker } from '../../../lib/streams/group/shard-worker.js';
import { numberOf } from '../../atom/bench.js';
import { dyingEngine, steppedEngine } from '../../support/stepped-engine.js';
import { behind, recordOf, sequenceOf, shardId, type Told, WorkBench } from './work-bench.js';

const numbers = (batch: GroupBatch<Told>): number[] => batch.records.map(({ value }) => value.n);
const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

async function benchOf(count: number, keys = 4): Promise<WorkBench> {
  const bench = new WorkBench();
  await bench.create();
  bench.shard.pageMax = 20;
  for (let n = 1; n <= count; n += 1) bench.shard.add(recordOf(n, `k${n % keys}`, bench.nowMs));
  return bench;
}

function lettersOf(bench: WorkBench, handler: GroupHandler<Told>, table: AtomTable = bench.table()): DeadLetters<Told> {
  const { reading } = bench.ground(table, handler);
  return new DeadLetters<Told>({
    ...{ name: 'g', table, box: new DeadLetterBox(table, 'g', 'op'), clock: bench.clock, reading, handler },
    prepare: async () => {},
    idempotencyKey: ({ sequenceNumber }) => sequenceNumber,
  });
}

async function listed(bench: WorkBench, letters = lettersOf(bench, () => {})): Promise<number[]> {
  const found: number[] = [];
  const walk = async () => {
    for await (const { record } of letters.list()) found.push(numberOf(record?.dynamodb?.NewImage?.n));
  };
  await bench.run(walk());
  return found;
}

/** Fails for some, and notes what it does. */
function failing(isBad: (told: Told) => boolean) {
  const done: number[] = [];
  const handler: GroupHandler<Told> = (batch) => {
    if (batch.records.some(({ value }) => isBad(value))) throw new RangeError('bad');
    done.push(...numbers(batch));
  };
  return { done, handler };
}

describe('dead letters', () => {
  it('keep a record that fails with all that is known of it, and the others go on', async () => {
    const bench = await benchOf(50);
    const { done, handler } = failing(({ n }) => n === 17);
    await bench.work(handler, { errors: { retry: { attempts: 2 }, exhausted: 'dead-letter' } });
    await bench.clock.advance(60_000);
    expect(done).toEqual(upTo(50).filter((n) => n !== 17));
    expect((await bench.stored())?.position).toEqual(behind(50));
    const found = [];
    for await (const letter of lettersOf(bench, handler).list()) found.push(letter);
    // Two calls with all of its page, and those halves that it was in.
    expect(found).toEqual([
      {
        ...{ shardId, sequenceNumber: sequenceOf(17), eventId: 'e17', itemKey: '[["id",{"S":"k1"}]]', why: 'failed' },
        ...{ error: { name: 'RangeError', message: 'bad' }, attempts: 4, member: 'm', epoch: 1 },
        sinceMs: expect.any(Number),
        record: bench.shard.records[16],
      },
    ]);
  });

  it('are written in one transaction with the position behind their record', async () => {
    const bench = await benchOf(10, 1);
    const sent: string[] = [];
    const engine = steppedEngine(bench.memory, ({ kind, text }) => {
      if (kind === 'transactWrite') sent.push(text);
      return undefined;
    });
    const { handler } = failing(({ n }) => n === 5);
    await bench.work(handler, { errors: { retry: { attempts: 1 }, exhausted: 'dead-letter' } }, bench.table(engine));
    await bench.clock.advance(10_000);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toContain('letter#');
    expect(sent[0]).toContain(`lease#${shardId}`);
  });

  it('are there exactly once wherever a process dies', async () => {
    for (let at = 0; at < 14; at += 1) {
      for (const when of ['before', 'after'] as const) {
        const bench = await benchOf(12, 1);
        const bad = failing(({ n }) => n === 3 || n === 8);
        const dying = dyingEngine(bench.memory, at, when);
        const table = bench.table(dying.engine);
        const taking = bench.take(table, 'a');
        const lease = await bench.run(Promise.race([taking, dying.died.then(() => undefined)]));
        const errors = { retry: { attempts: 1 }, exhausted: 'dead-letter' } as const;
        if (lease !== undefined) {
          const worker = new ShardWorker(bench.ground(table, bad.handler, { errors }), lease);
          await bench.run(Promise.race([worker.ended, dying.died, bench.clock.sleep(10_000)]));
        }
        const next = failing(({ n }) => n === 3 || n === 8);
        await bench.work(next.handler, { errors });
        await bench.clock.advance(10_000);
        expect(await listed(bench)).toEqual([3, 8]);
        const all = new Set([...bad.done, ...next.done]);
        expect([...all].sort((x, y) => x - y)).toEqual(upTo(12).filter((n) => n !== 3 && n !== 8));
        expect((await bench.stored())?.position).toEqual(behind(12));
      }
    }
  });

  it('take all later records of a parked item, in order, while others flow', async () => {
    const bench = await benchOf(80);
    const { done, handler } = failing(({ n }) => n === 6);
    await bench.work(handler, { errors: { retry: { attempts: 1 }, exhausted: 'park-key' } });
    await bench.clock.advance(60_000);
    expect(done).toEqual(upTo(80).filter((n) => n % 4 !== 2 || n < 6));
    expect(await listed(bench)).toEqual(upTo(80).filter((n) => n % 4 === 2 && n >= 6));
    expect(bench.eventsOf('key-parked')).toHaveLength(1);
    expect((await bench.stored())?.position).toEqual(behind(80));
  });

  it('keep taking them under the next owner', async () => {
    const bench = await benchOf(10, 1);
    await bench.work(failing(({ n }) => n === 4).handler, {
      errors: { retry: { attempts: 1 }, exhausted: 'park-key' },
    });
    await bench.clock.advance(10_000);
    const { done, handler } = failing(() => false);
    await bench.work(handler);
    bench.shard.add(recordOf(11, 'k0', bench.nowMs), recordOf(12, 'other', bench.nowMs));
    await bench.clock.advance(10_000);
    expect(done).toEqual([12]);
    expect(await listed(bench)).toEqual([4, 5, 6, 7, 8, 9, 10, 11]);
  });

  it('let an item go on once all of its letters are redriven, also those that came meanwhile', async () => {
    const bench = await benchOf(40);
    const { done, handler } = failing(({ n }) => n === 6);
    await bench.work(handler, { errors: { retry: { attempts: 1 }, exhausted: 'park-key' } });
    await bench.clock.advance(10_000);
    let next = 40;
    const redriven: number[] = [];
    const letters = lettersOf(bench, async (batch) => {
      // The item is written on while its letters are redriven, up to a point.
      for (let more = 0; more < 2 && next < 60; more += 1)
        bench.shard.add(recordOf(++next, `k${next % 4}`, bench.nowMs));
      await bench.clock.sleep(200);
      redriven.push(...numbers(batch));
    });
    const report = await bench.run(letters.redrive());
    expect(report).toMatchObject({ unparkedKeys: 1, failed: [], redriven: redriven.length });
    await bench.clock.advance(10_000);
    bench.shard.add(recordOf(next + 1, 'k2', bench.nowMs));
    await bench.clock.advance(10_000);
    expect(await listed(bench)).toEqual([]);
    const own = [...redriven, ...done.filter((n) => n % 4 === 2 && n > 6)];
    // In order, each once: letters first, then what flows again.
    expect([2, ...own].slice(0, 15)).toEqual(
      upTo(60)
        .filter((n) => n % 4 === 2)
        .slice(0, 15),
    );
    expect(done.at(-1)).toBe(next + 1);
    expect(bench.eventsOf('key-unparked')).toHaveLength(1);
  });

  it('let no item go on for whom one came between the last look and that moment', async () => {
    const bench = await benchOf(6, 1);
    const worker = failing(({ n }) => n === 4);
    await bench.work(worker.handler, { errors: { retry: { attempts: 1 }, exhausted: 'park-key' } });
    await bench.clock.advance(10_000);
    let next = 6;
    const engine = steppedEngine(bench.memory, ({ kind, text, send }) => {
      if (kind !== 'query' || !text.includes('letter#') || next > 8) return undefined;
      return send().then(async (answer) => {
        bench.shard.add(recordOf(++next, 'k0', bench.nowMs));
        await bench.clock.sleep(500);
        return answer;
      });
    });
    const redriven = failing(() => false);
    const report = await bench.run(lettersOf(bench, redriven.handler, bench.table(engine)).redrive());
    expect(report).toMatchObject({ unparkedKeys: 1 });
    bench.shard.add(recordOf(++next, 'k0', bench.nowMs));
    await bench.clock.advance(10_000);
    expect([...redriven.done, ...worker.done.slice(3)]).toEqual(upTo(next).slice(3));
    expect(await listed(bench)).toEqual([]);
  });

  it('stay, with all later ones of their item, when the handler fails again', async () => {
    const bench = await benchOf(12);
    await bench.work(failing(({ key }) => key === 'k1' || key === 'k2').handler, {
      errors: { retry: { attempts: 1 }, exhausted: 'park-key' },
    });
    await bench.clock.advance(10_000);
    const { done, handler } = failing(({ n }) => n === 5);
    const report = await bench.run(lettersOf(bench, handler).redrive());
    expect(done).toEqual([1, 2, 6, 10]);
    expect(report).toMatchObject({ redriven: 4, unparkedKeys: 1 });
    expect(report.failed.map(({ letter }) => letter.sequenceNumber)).toEqual([sequenceOf(5)]);
    expect(await listed(bench)).toEqual([5, 9]);
  });

  it('are redriven by key, by record, and discarded one by one', async () => {
    const bench = await benchOf(12);
    await bench.work(failing(({ n }) => n % 3 === 0).handler, {
      errors: { retry: { attempts: 1 }, exhausted: 'dead-letter' },
    });
    await bench.clock.advance(60_000);
    expect(await listed(bench)).toEqual([3, 6, 9, 12]);
    const { done, handler } = failing(() => false);
    const letters = lettersOf(bench, handler);
    await bench.run(letters.redrive({ key: { id: { S: 'k2' } } }));
    await bench.run(letters.redrive({ shardId, sequenceNumber: sequenceOf(12) }));
    expect(done).toEqual([6, 12]);
    expect(await bench.run(letters.discard({ shardId, sequenceNumber: sequenceOf(3) }))).toBe(true);
    expect(await bench.run(letters.discard({ shardId, sequenceNumber: sequenceOf(3) }))).toBe(false);
    expect(await listed(bench)).toEqual([9]);
  });

  it('have effects once that are made by transact, also where a redrive dies and is repeated', async () => {
    for (let at = 2; at < 20; at += 3) {
      const bench = await benchOf(6, 1);
      await bench.work(failing(() => true).handler, { errors: { retry: { attempts: 1 }, exhausted: 'park-key' } });
      await bench.clock.advance(10_000);
      const summing =
        (table: AtomTable): GroupHandler<Told> =>
        async (batch, { transact }) => {
          const sum = table.atom<number[]>({ pk: 'effects', sk: 'sum' });
          await transact((tx) => tx.swap(sum, (seen = []) => [...seen, ...numbers(batch)]));
        };
      const dying = dyingEngine(bench.memory, at, at % 2 === 0 ? 'before' : 'after');
      const table = bench.table(dying.engine);
      const first = lettersOf(bench, summing(table), table).redrive();
      first.catch(() => {});
      await bench.run(Promise.race([first, dying.died]));
      const again = bench.table();
      await bench.run(lettersOf(bench, summing(again), again).redrive());
      const sum = await bench.run(again.atom<number[]>({ pk: 'effects', sk: 'sum' }).deref());
      expect({ at, sum }).toEqual({ at, sum: upTo(6) });
      expect(await listed(bench)).toEqual([]);
    }
  });

  it('keep records that no transaction takes', async () => {
    const bench = await benchOf(2, 1);
    let x = 1;
    const noise = Array.from({ length: 60_000 }, () => {
      x = (x * 48_271) % 2_147_483_647;
      return x.toString(36);
    }).join('');
    const record = recordOf(3, 'big', bench.nowMs);
    const big = { ...record, dynamodb: { ...record.dynamodb, OldImage: { id: { S: 'big' }, text: { S: noise } } } };
    bench.shard.add(big, recordOf(4, 'big', bench.nowMs));
    const { done, handler } = failing(({ n }) => n === 3);
    await bench.work(handler, { errors: { retry: { attempts: 1 }, exhausted: 'park-key' } });
    await bench.clock.advance(10_000);
    expect(done).toEqual([1, 2]);
    const found = [];
    for await (const letter of lettersOf(bench, handler).list()) found.push(letter);
    expect(found.map(({ record: kept }) => kept)).toEqual([big, bench.shard.records[3]]);
    const redriven = failing(() => false);
    await bench.run(lettersOf(bench, redriven.handler).redrive());
    expect(redriven.done).toEqual([3, 4]);
  });

  it('park the shard where they cannot be written, so that nothing is passed over', async () => {
    const bench = await benchOf(5, 1);
    const engine = steppedEngine(bench.memory, ({ text, kind }) => {
      if (!(kind === 'transactWrite' && text.includes('letter#'))) return undefined;
      const error = Object.assign(new Error('no'), { name: 'AccessDeniedException' });
      return Promise.resolve({ status: 'not-applied', kind: 'refused', error });
    });
    const { done, handler } = failing(({ n }) => n === 3);
    await bench.work(handler, { errors: { retry: { attempts: 1 }, exhausted: 'dead-letter' } }, bench.table(engine));
    await bench.clock.advance(60_000);
    expect(done).toEqual([1, 2]);
    expect(bench.eventsOf('shard-parked')).toHaveLength(1);
    expect(bench.fatal).toEqual([]);
  });

  it('refuse to be redriven without a handler', async () => {
    const bench = await benchOf(0);
    await expect(lettersOf(bench, undefined as never).redrive()).rejects.toThrow(TypeError);
  });
});

describe('recordText()', () => {
  it('keeps a record as it is, with bytes, sets, times and deep images', () => {
    let deep: object = { S: 'end' };
    for (let level = 0; level < 30; level += 1) deep = level % 2 === 0 ? { M: { '#bytes': deep } } : { L: [deep] };
    const record = {
      eventID: 'e',
      dynamodb: {
        Keys: { id: { B: new Uint8Array([0, 255]) } },
        NewImage: { id: { B: Buffer.from('x') }, set: { BS: [new Uint8Array([1])] }, n: { N: '1e-130' }, deep },
        ApproximateCreationDateTime: new Date(5_000),
      },
    } as never;
    const back = recordFrom(recordText(record));
    expect(back).toMatchObject({ eventID: 'e', dynamodb: { Keys: { id: { B: new Uint8Array([0, 255]) } } } });
    expect(recordText(back)).toBe(recordText(record));
    expect(back.dynamodb?.ApproximateCreationDateTime).toEqual(new Date(5_000));
    const prototype = JSON.parse('{"dynamodb":{"NewImage":{"__proto__":{"S":"a"}}}}');
    expect(recordText(recordFrom(recordText(prototype)))).toBe(JSON.stringify(prototype));
  });
});

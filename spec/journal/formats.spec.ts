// Goal: what a journal stores comes back as it was, and anything else is found out: flipped, cut, moved, of another journal.
// Method: properties over arbitrary commits; each byte flipped and each cut of a page, a body, and of the head's tail.
import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AttributeValue, Item } from '../../lib/codec/index.js';
import { seededRandom } from '../../lib/engine/index.js';
import { bodyKeys, bodyText, partsOf, putBody } from '../../lib/journal/body.js';
import { chainAfter, textDigest } from '../../lib/journal/chain.js';
import type { BodyRef, Commit } from '../../lib/journal/commit.js';
import { decodeCommits, encodeCommits, pack, unpack } from '../../lib/journal/commit-text.js';
import { Cursor } from '../../lib/journal/cursor.js';
import { frame, unframe } from '../../lib/journal/frame.js';
import { emptyHead, type Head, headCodec, noChain } from '../../lib/journal/head.js';
import { journalKeys } from '../../lib/journal/keys.js';
import { decodePage, encodePage } from '../../lib/journal/page.js';
import { type Bench, openBench } from '../atom/bench.js';
import { add, event, name, openJournal } from './bench.js';

const writers = fc.constantFrom('AAAA-_aa', 'bbbbbbbb', 'ccccCCCC');
const line = fc.oneof(
  fc.json({ maxDepth: 1 }),
  fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify(text)),
);
const natural = fc.nat({ max: 2 ** 40 });
const facts = fc.record({
  writer: writers,
  n: natural,
  step: fc.nat({ max: 5 }),
  later: fc.nat({ max: 1e9 }),
  lines: fc.array(line, { maxLength: 4 }),
  body: fc.option(fc.record({ parts: fc.nat({ max: 9 }), bytes: natural, digest: fc.base64String() })),
  skip: fc.array(fc.nat({ max: 99 }), { maxLength: 3 }),
  retires: fc.boolean(),
  handlerVersion: fc.option(fc.string(), { nil: undefined }),
  stateDigest: fc.option(fc.string(), { nil: undefined }),
  marks: fc.array(fc.record({ id: fc.string(), at: fc.nat(), count: fc.nat() }), { maxLength: 2 }),
});

/** Commits that join on to each other, from any place on. */
const commits = fc
  .tuple(natural, natural, natural, fc.array(facts, { minLength: 1, maxLength: 6 }))
  .map(([place, seq, time, all]) => {
    let [first, at] = [seq + 1, time];
    return all.map(({ n, step, later, lines, body, ...rest }, index): Commit => {
      at += later;
      const commit = {
        ...rest,
        ...{ place: place + index + 1, first, time: at, n: n + step, prev: n, count: lines.length },
        text: body === null ? lines.join('\n') : '',
        body: body ?? undefined,
      };
      first += lines.length;
      return commit;
    });
  });

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);
const check = <T>(property: fc.IProperty<T>) => fc.assert(property, { seed, numRuns: 300 });

describe('what comes back', () => {
  it('commits are what they were, to the letter', () => {
    check(fc.property(commits, (all) => expect(decodeCommits(encodeCommits(all))).toEqual(all)));
    expect(decodeCommits(encodeCommits([]))).toEqual([]);
  });

  it('a head is what it was', () => {
    const heads = fc.record({
      ...{ journalId: fc.string({ minLength: 1 }), label: fc.string(), epoch: natural, pages: natural, time: natural },
      holder: fc.option(fc.record({ writer: writers, since: natural }), { nil: undefined }),
      note: fc.option(
        fc.uint8Array().map((bytes) => new Uint8Array(bytes)),
        { nil: undefined },
      ),
      closed: fc.option(fc.string(), { nil: undefined }),
      tail: fc.oneof(commits, fc.constant([])),
      chain: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('base64url')),
    });
    check(
      fc.property(heads, ({ tail, ...rest }) => {
        const last = tail.at(-1);
        const ends = { place: last?.place ?? 7, seq: last === undefined ? 7 : last.first + last.count - 1 };
        const head: Head = { ...emptyHead('', ''), ...rest, ...ends, tail };
        const stored = structuredClone(headCodec.encode(head));
        expect(headCodec.decode(stored)).toEqual(head);
      }),
    );
  });

  it('pages and texts are what they were', () => {
    const place = { kind: 'page', journalId: 'j', key: 'log/page/3' } as const;
    check(
      fc.property(commits, (all) => {
        const page = { commits: all, chain: noChain };
        expect(decodePage(place, encodePage(place, page))).toEqual(page);
      }),
    );
    check(fc.property(fc.string({ unit: 'grapheme' }), (text) => expect(unpack(pack(text))).toBe(text)));
  });

  it('a cursor is what it was', () => {
    check(
      fc.property(commits, (all) => {
        const [start] = all as [Commit];
        const before = { place: start.place - 1, seq: start.first - 1, time: 0, chain: noChain, page: 4, writers: [] };
        const cursor = new Cursor(before);
        for (const commit of all) cursor.take(commit);
        expect(new Cursor(cursor.facts()).facts()).toEqual(cursor.facts());
      }),
    );
  });
});

describe('commits that can be none', () => {
  const commit = { ...{ place: 1, first: 1, time: 5, writer: 'w', n: 1, prev: 0, retires: false }, skip: [] };
  const rest = { body: undefined, handlerVersion: undefined, stateDigest: undefined, marks: [] };
  const sound = unpack(encodeCommits([{ ...commit, ...rest, count: 1, text: '{"a":1}' }]));

  it.each([
    ['end too early', sound.replace('\n{"a":1}', '')],
    ['have a writer that is not named', sound.replace('\n[0,', '\n[1,')],
    ['go back in time', sound.replace('\n[0,1,1,0,1]', '\n[0,1,1,-1,1]')],
    ['have a fraction of an event', sound.replace('\n[0,1,1,0,1]', '\n[0,1,1,0,1.5]')],
    ['begin nowhere', sound.replace('[1,1,5,', '[null,1,5,')],
    ['are no JSON', `${sound}\n[0,`],
    ['say nothing', ''],
  ])('that %s are refused', (_what, text) => {
    expect(text).not.toBe(sound);
    expect(() => decodeCommits(pack(text))).toThrow();
  });

  it('packed in an unknown way are refused, and so is what would fill the memory', () => {
    expect(() => unpack(Buffer.concat([Buffer.of(2), Buffer.from(sound)]))).toThrow('not known here');
    const bomb = deflateRawSync(Buffer.alloc(64 * 1_024 * 1_024 + 1));
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => unpack(Buffer.concat([Buffer.of(1), bomb]))).toThrow();
  });
});

describe('the digest chain', () => {
  it('is another one when anything of a commit is another', () => {
    const commit: Commit = {
      ...{ place: 1, first: 1, count: 1, time: 5, writer: 'w', n: 1, prev: 0, text: '1', retires: false, skip: [] },
      ...{ body: undefined, handlerVersion: undefined, stateDigest: undefined, marks: [] },
    };
    const others: Partial<Commit>[] = [
      ...(['place', 'first', 'count', 'time', 'n', 'prev'] as const).map((key) => ({ [key]: commit[key] + 1 })),
      ...[
        { writer: 'v' },
        { text: '2' },
        { retires: true },
        { skip: [0] },
        { handlerVersion: '' },
        { stateDigest: '' },
      ],
      { body: { parts: 1, bytes: 1, digest: 'd' } },
    ];
    const chains = [{}, ...others].map((other) => chainAfter(noChain, { ...commit, ...other }));
    expect(new Set([...chains, chainAfter(chains[0] as string, commit)]).size).toBe(others.length + 2);
  });
});

/** All that one flipped bit in each byte, and each cut, make of `bytes`. */
function* damages(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 1) {
    const flipped = Uint8Array.from(bytes);
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
    yield flipped;
    yield bytes.subarray(0, at);
  }
  yield Buffer.concat([bytes, Buffer.of(0)]);
}

const someCommits: Commit[] = fc.sample(commits, { seed: 1, numRuns: 20 })[7] as Commit[];

describe('a page', () => {
  const place = { kind: 'page', journalId: 'j', key: 'log/page/3' } as const;
  const bytes = encodePage(place, { commits: someCommits, chain: noChain });

  it('with any byte flipped, cut anywhere, or longer is damaged', () => {
    for (const damaged of damages(bytes)) expect(decodePage(place, damaged)).toBe('damaged');
  });

  it('under another key, of another journal, or of another kind is damaged', () => {
    expect(decodePage({ ...place, key: 'log/page/4' }, bytes)).toBe('damaged');
    expect(decodePage({ ...place, journalId: 'k' }, bytes)).toBe('damaged');
    expect(unframe({ ...place, kind: 'body' }, bytes)).toBe('damaged');
    expect(typeof decodePage(place, bytes)).toBe('object');
  });

  it('without commits, or with what are none, is damaged', () => {
    expect(decodePage(place, encodePage(place, { commits: [], chain: noChain }))).toBe('damaged');
    expect(decodePage(place, frame(place, Buffer.alloc(40, 1)))).toBe('damaged');
  });

  it('of a later format is refused as such', () => {
    expect(decodePage(place, laterFormat(place, bytes))).toBe('newer-format');
  });
});

/** A frame as a later release may write it: another format, and a digest that is right. */
function laterFormat(place: Parameters<typeof frame>[0], bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes.subarray(0, -16));
  text[2] = 2;
  const digest = createHash('sha256').update(`${place.journalId}\n${place.key}\n`).update(text).digest();
  return Buffer.concat([text, digest.subarray(0, 16)]);
}

describe('a body', () => {
  const keys = journalKeys(name);
  const journalId = 'j';
  const body = { writer: 'w', n: 3 };
  const small = Array.from({ length: 20 }, (_, index) => event(index)).join('\n');
  const random = seededRandom(1);
  const large = Array.from({ length: 40_000 }, () => event(random.int(2 ** 31), String(random.next()))).join('\n');
  let bench: Bench;
  const refs = new Map<string, BodyRef>();
  const stored = new Map<string, Map<string, Uint8Array>>();

  beforeAll(async () => {
    bench = await openBench();
    const items = bench.calm().writeOnce();
    for (const text of [small, large]) {
      // Compression of large texts is done by another thread, which the virtual clock does not see.
      const ref = await putBody({ items, keys, journalId }, body, text);
      refs.set(text, ref);
      stored.set(text, await items.getMany(bodyKeys(keys, body, ref.parts)));
    }
  });
  const read = (text: string, found: ReadonlyMap<string, Uint8Array>, other: Partial<BodyRef> = {}) =>
    bodyText({ keys, journalId }, body, { ...(refs.get(text) as BodyRef), ...other }, found);
  const all = (text: string) => new Map(stored.get(text));

  it('comes back, in one item or in several', () => {
    expect(refs.get(small)?.parts).toBe(1);
    expect(refs.get(large)?.parts).toBeGreaterThan(1);
    for (const text of [small, large]) {
      expect(read(text, all(text))).toEqual({ text });
      expect(refs.get(text)?.bytes).toBe(Buffer.byteLength(text));
      const [first] = all(text).values();
      expect(partsOf({ keys, journalId }, body, first)).toBe(refs.get(text)?.parts);
    }
    expect(partsOf({ keys, journalId }, body, undefined)).toBe(0);
    expect(partsOf({ keys, journalId }, body, Buffer.from('?'))).toBe(1);
  });

  it('with any byte flipped, or cut anywhere, is damaged', () => {
    const [[key, bytes]] = [...all(small)] as [[string, Uint8Array]];
    for (const damaged of damages(bytes)) expect(read(small, new Map([[key, damaged]]))).toBe('damaged');
    for (const [part, whole] of all(large)) {
      for (let draw = 0; draw < 20; draw += 1) {
        const flipped = Uint8Array.from(whole);
        const at = random.int(flipped.length);
        flipped[at] = (flipped[at] as number) ^ 1;
        expect(read(large, all(large).set(part, flipped))).toBe('damaged');
        expect(read(large, all(large).set(part, whole.subarray(0, at)))).toBe('damaged');
      }
    }
  });

  it('without one of its parts is missing; with two of them exchanged it is damaged', () => {
    const keysOfLarge = [...all(large).keys()];
    for (const key of keysOfLarge) {
      const rest = all(large);
      rest.delete(key);
      expect(read(large, rest)).toBe('missing');
    }
    const [first, second] = keysOfLarge as [string, string];
    const [one, two] = [all(large).get(first), all(large).get(second)] as [Uint8Array, Uint8Array];
    expect(read(large, all(large).set(first, two).set(second, one))).toBe('damaged');
  });

  it('has its first part first, as that one tells of the others', async () => {
    const own = await openBench();
    own.faulty.hold(['put']);
    const put = putBody({ items: own.table().writeOnce(), keys, journalId }, body, large);
    const first = await own.faulty.message(0);
    expect((first.request as { item: Item }).item.id).toEqual({ S: keys.body('w', 3, 0) });
    expect(own.faulty.messages).toHaveLength(1);
    await first.pass();
    await (await own.faulty.message(1)).pass();
    own.faulty.release();
    for (const message of own.faulty.messages) if (!message.answered) await message.pass();
    expect(await put).toEqual(refs.get(large));
  });

  it('that is whole, but not the one that the commit means, is damaged', () => {
    expect(read(small, all(small), { digest: textDigest('') })).toBe('damaged');
    const key = keys.body('w', 3, 0);
    const unpackable = frame({ kind: 'body', journalId, key }, Buffer.from([0, 1, 1, 255, 255]));
    expect(read(small, new Map([[key, unpackable]]))).toBe('damaged');
  });

  it('of a later format is refused as such', () => {
    const [[key, bytes]] = [...all(small)] as [[string, Uint8Array]];
    expect(read(small, new Map([[key, laterFormat({ kind: 'body', journalId, key }, bytes)]]))).toBe('newer-format');
  });
});

describe('the head in the store', () => {
  const places = [
    ['short', 1],
    ['packed', 8],
  ] as const;

  it.each(places)(
    'with any byte of its %s tail flipped, or cut anywhere, gives a typed error or what was there',
    async (_what, count) => {
      const bench = await openBench();
      const writer = openJournal(bench);
      for (let id = 0; id < count; id += 1) await add(writer, [event(id, 'words that come again')]);
      const item = (await bench.item(`${name}/head`)) as Item;
      const members = (item.d as { M: Record<string, AttributeValue> }).M;
      const tail = (members.tail as { B: Uint8Array }).B;
      let found = 0;
      for (const damaged of damages(tail)) {
        await bench.put({ ...item, d: { M: { ...members, tail: { B: damaged } } } });
        const reader = openJournal(bench);
        const error = await bench.run(reader.journal.catchUp('strong')).then(
          () => undefined,
          (caught: unknown) => caught as { code: string },
        );
        if (error === undefined) expect(reader.replica.events).toEqual(writer.replica.events);
        else {
          found += 1;
          expect(['ERR_JOURNAL_GAP', 'ERR_DECODE']).toContain(error.code);
          expect(reader.replica.events).toEqual([]);
        }
      }
      // Some bits of a compressed text mean nothing.
      expect(found).toBeGreaterThan(1.9 * tail.length);
    },
  );

  it.each(['place', 'seq', 'pages', 'chain', 'time', 'epoch'] as const)(
    'with another %s gives a typed error, or the events',
    async (member) => {
      const bench = await openBench();
      const writer = openJournal(bench, { headBytesMax: 512 });
      for (let id = 0; id < 30; id += 1) await add(writer, [event(id, 'x'.repeat(20))]);
      const item = (await bench.item(`${name}/head`)) as Item;
      const members = (item.d as { M: Record<string, AttributeValue> }).M;
      const others: AttributeValue[] =
        member === 'chain'
          ? [{ B: Buffer.alloc(16) }, { B: Buffer.alloc(0) }, { S: '' }]
          : [{ N: '0' }, { N: '1' }, { N: '1000' }, { N: '-1' }, { N: '1.5' }, { S: '1' }, { NULL: true }];
      for (const other of others) {
        await bench.put({ ...item, d: { M: { ...members, [member]: other } } });
        const reader = openJournal(bench);
        const code = await bench.run(reader.journal.catchUp('strong')).then(
          () => 'none',
          (error: { code: string }) => error.code,
        );
        expect(['none', 'ERR_JOURNAL_GAP', 'ERR_DECODE']).toContain(code);
        if (code === 'none') expect(reader.replica.events).toEqual(writer.replica.events);
      }
    },
  );

  it('with a tail that ends elsewhere is no head', () => {
    const last = someCommits.at(-1) as Commit;
    const seq = last.first + last.count - 1;
    const head: Head = { ...emptyHead('j', ''), place: last.place, seq, tail: someCommits };
    const decode = (one: Head) => headCodec.decode(structuredClone(headCodec.encode(one)));
    expect(decode(head)).toEqual(head);
    expect(() => decode({ ...head, place: last.place + 1 })).toThrow('does not end');
    expect(() => decode({ ...head, seq: seq + 1 })).toThrow('does not end');
  });

  it('of a later format is refused, by readers and by writers', async () => {
    const bench = await openBench();
    await add(openJournal(bench), [event(1)]);
    const item = (await bench.item(`${name}/head`)) as Item;
    await bench.put({ ...item, d: { M: { format: { N: '2' } } } });
    const other = openJournal(bench);
    const refused = { code: 'ERR_JOURNAL_FORMAT', found: '2', wanted: '1', outcome: 'not-done' };
    await expect(bench.run(other.journal.catchUp('strong'))).rejects.toMatchObject(refused);
    await expect(bench.run(add(other, [event(2)]))).rejects.toMatchObject(refused);
    await expect(bench.run(other.journal.readHead())).rejects.toMatchObject(refused);
  });

  it('of another application, or of another life of the journal, is refused', async () => {
    const bench = await openBench();
    const one = openJournal(bench, { label: 'bank' });
    await add(one, [event(1)]);
    const other = openJournal(bench, { label: 'shop' });
    const refused = { code: 'ERR_JOURNAL_FORMAT', found: '"bank"', wanted: '"shop"' };
    await expect(bench.run(other.journal.catchUp('strong'))).rejects.toMatchObject(refused);
    const elsewhere = await openBench();
    await add(
      openJournal(elsewhere, {
        label: 'bank',
        table: elsewhere.calm({ randomBytes: (n) => new Uint8Array(n).fill(7) }),
      }),
      [event(1)],
    );
    await bench.put((await elsewhere.item(`${name}/head`)) as Item);
    await expect(bench.run(one.journal.catchUp('strong'))).rejects.toMatchObject({ code: 'ERR_JOURNAL_FORMAT' });
  });
});

// Goal: a head comes back from its bytes as it was, and bytes that are no head are refused without a word of what is in them.
// Method: heads with and without each member, cut at every byte, and facts of every wrong kind.
import { describe, expect, it } from '@jest/globals';
import { emptyHead, type Head, headCodec, tailBytes } from '../../lib/journal/head.js';
import { sealedHeadCodec } from '../../lib/journal/head-bytes.js';
import { headOptions } from '../../lib/journal/heads.js';
import { append } from '../../lib/journal/protocol.js';

const plain: Head = emptyHead('journal-1', 'label');
const commit = { count: 1, time: 7, skip: [], handlerVersion: undefined, stateDigest: undefined, marks: [] };
const written = { writer: 'w', n: 1, prev: 0, retires: false, text: '{"secret":"CANARY"}', body: undefined };
const filled: Head = {
  ...append(plain, { ...commit, ...written }),
  ...{ time: 7, volumes: 3, note: Buffer.from('note'), closed: 'because', holder: { writer: 'w', since: 5 } },
};

function bytesOf(head: Head): Buffer {
  return Buffer.from((sealedHeadCodec.encode(head) as { B: Uint8Array }).B);
}

/** Bytes with other facts in them. */
function withFacts(facts: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(facts));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(text.length);
  return Buffer.concat([length, text, Buffer.alloc(16)]);
}

describe('sealedHeadCodec', () => {
  it('gives back heads with and without each member, also those that were native', () => {
    for (const head of [plain, filled, { ...filled, note: new Uint8Array(), closed: undefined, holder: undefined }]) {
      const decoded = sealedHeadCodec.decode({ B: bytesOf(head) }) as Head;
      const { note, ...rest } = decoded;
      const { note: noteBefore, ...restBefore } = head;
      expect(rest).toEqual(restBefore);
      expect(note && Buffer.from(note)).toEqual(noteBefore && Buffer.from(noteBefore));
      expect(sealedHeadCodec.decode(structuredClone(headCodec.encode(head)))).toMatchObject({ place: head.place });
      expect((headOptions.codec as typeof headCodec).decode({ B: bytesOf(head) })).toMatchObject({ place: head.place });
    }
  });

  it('takes less room than native attributes as JSON', () => {
    expect(bytesOf(filled).length).toBeLessThan(JSON.stringify(headCodec.encode(filled)).length);
  });

  it('refuses bytes that are cut anywhere but before the tail, which may be empty, and shows nothing of them', () => {
    const bytes = bytesOf(filled);
    const tailFrom = bytes.length - tailBytes(filled.tail).length;
    for (let end = 0; end < bytes.length; end += 1) {
      if (end === tailFrom) continue;
      let failure: unknown;
      try {
        sealedHeadCodec.decode({ B: Buffer.from(bytes.subarray(0, end)) });
      } catch (error) {
        failure = error;
      }
      expect([end, failure === undefined]).toEqual([end, false]);
      expect(String((failure as Error).stack)).not.toMatch(/CANARY|journal-1/);
    }
  });

  it('refuses facts of wrong kinds, and leaves those of a later format alone', () => {
    const right = [1, 'id', '', 0, 0, 0, 0, 0, 0, -1, null, null];
    expect(sealedHeadCodec.decode({ B: withFacts(right) })).toMatchObject({ journalId: 'id', place: 0 });
    const wrong: (readonly [at: number, value: unknown])[] = [
      ...[1, 2, 10].map((at) => [at, 5] as const),
      ...[3, 4, 5, 6, 7, 8].flatMap((at) => [-1, 0.5, 'x', null].map((value) => [at, value] as const)),
      ...[-2, 1_000, 'x'].map((value) => [9, value] as const),
      ...[[1, 2], ['w', -1], 'w'].map((value) => [11, value] as const),
    ];
    for (const [at, value] of wrong) {
      expect(() => sealedHeadCodec.decode({ B: withFacts((right as unknown[]).with(at, value)) })).toThrow();
    }
    expect(sealedHeadCodec.decode({ B: withFacts([2, { anything: 1 }]) })).toMatchObject({ format: 2 });
    for (const facts of [null, 5, {}, []]) expect(() => sealedHeadCodec.decode({ B: withFacts(facts) })).toThrow();
  });
});

/** Tokens of moments gone by are those that would have been made then. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ShardPosition } from '../../lib/streams/position.js';
import { TokenLine } from '../../lib/streams/token-line.js';

const shard = fc.integer({ min: 0, max: 40 }).map((n) => `shard-${n}`);
const step = fc.oneof(
  { weight: 20, arbitrary: fc.record({ type: fc.constant('hand-out' as const), shard }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('shard' as const), shard, comes: fc.boolean() }) },
);

describe('TokenLine', () => {
  it('tells the positions of the moment, whatever came later', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const now: Record<string, ShardPosition> = {};
        const line = new TokenLine(() => ({ ...now }));
        const tokens: [() => object, object][] = [];
        for (const [at, one] of steps.entries()) {
          if (one.type === 'shard') {
            if (one.comes) now[one.shard] ??= 'trim-horizon';
            else delete now[one.shard];
            line.changed();
          } else {
            now[one.shard] = { after: String(at) };
            tokens.push([line.handedOut(one.shard, now[one.shard] as ShardPosition), { ...now }]);
          }
        }
        for (const [token, then] of tokens) expect(token()).toEqual(then);
      }),
    );
  });

  it('looks at all positions once for as many batches as there are shards', () => {
    let looks = 0;
    const shards = Object.fromEntries(Array.from({ length: 1_000 }, (_, n) => [`shard-${n}`, 'end' as const]));
    const line = new TokenLine(() => {
      looks += 1;
      return shards;
    });
    for (let n = 0; n < 5_000; n += 1) line.handedOut('shard-1', { after: String(n) });
    expect(looks).toBe(5);
  });
});

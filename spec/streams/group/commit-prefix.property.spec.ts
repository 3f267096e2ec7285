// Goal: what is stored of a shard never passes over a record that is not done. Method: records done in random orders, against a model.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CommitPrefix, type Place } from '../../../lib/streams/group/commit-prefix.js';

const seed = Number(process.env.LEYDEN_SEED ?? Date.now() % 1e9);

describe('CommitPrefix', () => {
  it('stands at the end of the longest run of records that are done', () => {
    const runs = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(runs, fc.array(fc.nat(), { maxLength: 400 }), (pushes, picks) => {
        const prefix = new CommitPrefix<Place>('trim-horizon');
        const places: Place[] = [];
        let pick = 0;
        for (const count of pushes) {
          for (let index = 0; index < count; index += 1) {
            const place = { position: { after: String(places.length + 1) }, isDone: false };
            places.push(place);
            prefix.push(place);
          }
          for (let index = 0; index < count; index += 1) {
            const one = places[(picks[pick++] ?? 0) % places.length] as Place;
            one.isDone = true;
            const before = prefix.position;
            const hasMoved = prefix.advance();
            const firstOpen = places.findIndex(({ isDone }) => !isDone);
            const done = firstOpen === -1 ? places.length : firstOpen;
            expect(prefix.position).toEqual(done === 0 ? 'trim-horizon' : { after: String(done) });
            expect(hasMoved).toBe(prefix.position !== before);
            expect(prefix.open).toBe(places.length - done);
            expect(prefix.head).toBe(places[done]);
          }
        }
      }),
      { seed, numRuns: 300 },
    );
  });

  it('holds nothing of what is done', () => {
    const prefix = new CommitPrefix<Place>('trim-horizon');
    for (let n = 1; n <= 100_000; n += 1) {
      const place = { position: { after: String(n) }, isDone: false };
      prefix.push(place);
      place.isDone = true;
      prefix.advance();
    }
    expect(prefix.open).toBe(0);
    expect(prefix.position).toEqual({ after: '100000' });
  });
});

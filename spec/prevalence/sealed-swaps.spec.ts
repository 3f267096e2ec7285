// Goal: what is sealed under one key is taken in its own place only: another system's record, another snapshot's part, what is cut off at
// any record. Method: two systems with the same key and the same names, filled alike, each record of one put into the other; parts of two
// snapshots exchanged; files cut where each record ends.
import { describe, expect, it } from '@jest/globals';
import { isLeydenError } from '../../lib/errors.js';
import { registerBench } from '../s3/s3-place.js';
import {
  bucketPlace,
  codecOf,
  filePlace,
  fill,
  look,
  openTexts,
  type SealedPlace,
  type Texts,
  tablePlace,
} from './sealed-places.js';

const right = codecOf('k1');
const bucket = registerBench();

const places = [
  ['a table', () => tablePlace()],
  ['a table with snapshots elsewhere', () => tablePlace({ outside: true })],
  ['a bucket', async () => bucketPlace(bucket())],
  ['a directory', () => filePlace()],
] as const;

/** Two snapshots, with commits before, between and after. */
async function filled(place: SealedPlace, seed: number): Promise<Texts> {
  await using texts = await openTexts(place, { codec: right });
  for (const round of [0, 1, 2]) {
    await fill(texts, 12, seed + round * 12);
    if (round < 2) await texts.snapshot();
  }
  return texts.state;
}

/** An error with a code, or the state as it is. */
function expectUnharmed(what: string, found: Texts | Error, state: Texts): void {
  if (found instanceof Error) expect([what, isLeydenError(found), found]).toEqual([what, true, found]);
  else expect([what, found]).toEqual([what, state]);
}

/** Records by what they are; what is random in their names left out, in the order of the rest. */
const kindOf = (name: string) => name.replace(/[A-Za-z0-9_-]{8,}/g, '*').replace(/\d+/g, '#');

describe.each(places)('two systems with the same key in %s', (_name, placeOf) => {
  it('take nothing of each other, record by record', async () => {
    const [place, other] = [await placeOf(), await placeOf()];
    const state = await filled(place, 0);
    await filled(other, 100);
    const foreign = await other.stored();
    let refused = 0;
    for (const [index, { name, bytes }] of (await place.stored()).entries()) {
      if (/holder|newest/.test(name)) continue;
      const alike = foreign.filter((record) => kindOf(record.name) === kindOf(name));
      for (const one of new Set([index, index + 1].flatMap((at) => alike[at % alike.length] ?? []))) {
        await place.put(name, one.bytes);
        const warnings: unknown[] = [];
        const found = await look(place, { codec: right, warnings });
        expectUnharmed(`${one.name} as ${name}`, found, state);
        if (found instanceof Error || warnings.length > 0) refused += 1;
      }
      await place.put(name, bytes);
    }
    expect(refused).toBeGreaterThan(2);
    expect(await look(place, { codec: right })).toEqual(state);
    await place.close();
    await other.close();
  });
});

describe.each(places)('a sealed system in %s', (_name, placeOf) => {
  it('takes no part of one of its snapshots for that of another', async () => {
    const place = await placeOf();
    const state = await filled(place, 0);
    const parts = (await place.stored()).filter(({ name }) => /part|snapshot-/.test(name));
    expect(parts.length).toBeGreaterThanOrEqual(2);
    for (const [index, { name, bytes }] of parts.entries()) {
      const next = parts[(index + 1) % parts.length] as (typeof parts)[0];
      await place.put(name, next.bytes);
      await place.put(next.name, bytes);
      expectUnharmed(`${name} and ${next.name}`, await look(place, { codec: right }), state);
      await place.put(name, bytes);
      await place.put(next.name, next.bytes);
    }
    expect(await look(place, { codec: right })).toEqual(state);
    await place.close();
  });
});

describe('a sealed system in a directory', () => {
  it('cut where any record ends is refused, or as it was once', async () => {
    const place = await filePlace();
    const texts = await openTexts(place, { codec: right });
    const ends: { readonly name: string; readonly length: number }[] = [];
    for (let n = 0; n < 30; n += 1) {
      await fill(texts, 1, n);
      if (n === 15) await texts.snapshot();
      const journal = (await place.stored()).filter(({ name }) => name.startsWith('journal')).at(-1);
      ends.push({ name: journal?.name ?? '', length: journal?.bytes.length ?? 0 });
    }
    const { state } = texts;
    await texts.close();
    const whole = await place.stored();
    const newest = ends.at(-1)?.name;
    let older = 0;
    for (const { name, length } of ends) {
      for (const cut of [length, length - 1, length + 3]) {
        const found = await lookAt(whole, name, cut);
        if (found instanceof Error) expect(isLeydenError(found)).toBe(true);
        else {
          // Cut off its end, it is the journal as it was: who opens it can't tell. Any other file is missed.
          expect(found).toEqual(state.slice(0, found.length));
          if (found.length < state.length) expect(name).toBe(newest);
          if (found.length < state.length) older += 1;
        }
      }
    }
    expect(older).toBeGreaterThan(3);
    await place.close();
  });
});

/** What somebody sees in a directory that is as it was, but for one file that is cut. */
async function lookAt(whole: Awaited<ReturnType<SealedPlace['stored']>>, name: string, length: number) {
  const copy = await filePlace();
  await (await openTexts(copy, { codec: right })).close();
  for (const one of whole) await copy.put(one.name, one.name === name ? one.bytes.subarray(0, length) : one.bytes);
  const found = await look(copy, { codec: right });
  await copy.close();
  return found;
}

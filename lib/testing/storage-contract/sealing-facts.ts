/** Facts about storages whose logs put all that they store through a codec. */
import { encrypted, keyRing, type SealingCodec } from '../../codec/index.js';
import { equal, errorOf, holds, matches } from './checks.js';
import { type Fact, fact } from './fact.js';
import { isReadable } from './readable.js';
import { collector, noise, range } from './samples.js';

const codecOf = (id: string, byte: number): SealingCodec =>
  encrypted({ keys: keyRing({ current: id, keys: { [id]: new Uint8Array(32).fill(byte) } }) });

const right = codecOf('k1', 1);
const marker = 'none-may-read-this';
const event = (n: number, bytes = 20) => ({ n, secret: marker, text: noise(bytes, n) });

export const sealingFacts: readonly Fact[] = [
  fact('a storage that seals says so', async ({ view }) => {
    equal(view().seals, true);
  }),

  fact('what was sealed is the same after a replay and after a recovery', async ({ open }) => {
    const one = await open(collector, right);
    for (const n of range(30)) await one.handle(event(n), { id: `${n}` });
    await one.handle(event(31, 500_000));
    await one.snapshot();
    await one.handle(event(32));
    const digest = await one.stateDigest();
    equal((await one.at({ seq: 12 })).state.length, 12);
    await one.verify();
    await one.close();
    const other = await open(collector, right);
    equal([other.seq, await other.stateDigest()], [32, digest]);
    matches(await other.handle(event(9), { id: '9' }), { status: 'known' });
  }),

  fact('nothing that is stored can be read without the key', async ({ open, storedBytes }) => {
    const one = await open(collector, right);
    for (const n of range(40)) await one.handle(event(n));
    await one.handle({ secret: marker, text: noise(500_000) });
    await one.snapshot();
    await one.handle(event(42));
    await one.close();
    const stored = await storedBytes();
    if (stored === undefined) return;
    holds(stored.length > 0, 'something was to be stored');
    holds(
      !stored.some((bytes) => isReadable(bytes, marker)),
      'the secret of an event stands there, as it is or packed',
    );
  }),

  fact('another key, or none, is refused on opening; nothing is written', async ({ open, writes }) => {
    const one = await open(collector, right);
    for (const n of range(3)) await one.handle(event(n));
    await one.close();
    const before = writes();
    for (const codec of [codecOf('k1', 2), codecOf('k2', 2), undefined]) {
      matches(await errorOf(open(collector, codec)), { outcome: 'not-done' });
    }
    equal(writes(), before);
    const other = await open(collector, right);
    equal(
      other.state,
      range(3).map((n) => event(n)),
    );
    matches(await other.handle(event(4)), { seq: 4 });
  }),

  fact('a snapshot is refused with another key as well', async ({ open, writes }) => {
    const one = await open({ ...collector, retention: { keep: 1 } }, right);
    for (const n of range(20)) await one.handle(event(n, 3_000));
    await one.snapshot();
    await one.prune();
    await one.close();
    const before = writes();
    for (const codec of [codecOf('k1', 2), undefined]) {
      matches(await errorOf(open(collector, codec)), { outcome: 'not-done' });
    }
    equal(writes(), before);
    equal((await open(collector, right)).seq, 20);
  }),
];

/** Facts about opening, closing, formats, and who may do what, that need one instance at a time. */
import { expect, it } from '@jest/globals';
import { errorOf, ledger } from '../support/prevalent.js';
import type { Place } from './prevalence-bench.js';

export function lifeContract(place: () => Place): void {
  it('close waits for what is under way', async () => {
    const { open } = place();
    const one = await open(ledger);
    const handled = [1, 2, 3].map((n) => one.handle(n));
    await one.close();
    expect((await Promise.all(handled)).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect((await open(ledger)).state.sum).toBe(6);
  });

  it('close waits for a snapshot under way', async () => {
    const { open } = place();
    const one = await open(ledger);
    await one.handle(1);
    let made = 0;
    const snapshot = one.snapshot().then(({ seq }) => {
      made = seq;
    });
    await one.close();
    expect(made).toBe(1);
    await snapshot;
  });

  it('a closed instance refuses every use, and closes again without a word', async () => {
    const { open, writes } = place();
    const one = await open(ledger);
    await one.handle(1);
    await one.close();
    await one.close();
    const before = writes();
    const closed = expect.objectContaining({ code: 'ERR_CLOSED', outcome: 'not-done' }) as unknown as Error;
    for (const use of [() => one.state, () => one.seq, () => one.time, () => one.changes()])
      expect(use).toThrow(closed);
    const uses = [
      () => one.handle(2),
      () => one.sync(),
      () => one.snapshot(),
      () => one.snapshots(),
      () => one.prune(),
      () => one.at({ seq: 1 }),
      () => one.verify(),
      () => one.stateDigest(),
      () => one.ready(),
    ];
    for (const use of uses) await expect(use()).rejects.toThrow(closed);
    expect(writes()).toBe(before);
    await one[Symbol.asyncDispose]();
  });

  it('refuses what another application keeps under this name, and leaves it as it is', async () => {
    const { open } = place();
    const one = await open({ ...ledger, format: 'bank/1' });
    await one.handle(1);
    await one.close();
    expect(await errorOf(open({ ...ledger, format: 'shop/1' }))).toMatchObject({
      code: 'ERR_JOURNAL_FORMAT',
      outcome: 'not-done',
    });
    expect((await open({ ...ledger, format: 'bank/1' })).state.sum).toBe(1);
  });

  it('opening writes nothing, nor does a reader ever', async () => {
    const { open, writes } = place();
    const empty = await open({ ...ledger, mode: 'read-only' });
    expect(empty.state.sum).toBe(0);
    await empty.close();
    const one = await open(ledger);
    await one.handle(1);
    await one.snapshot();
    await one.handle(2);
    await one.close();
    const before = writes();
    const reader = await open({ ...ledger, mode: 'read-only', snapshots: { bytesMin: 0, eventsMin: 1 } });
    expect(reader.state.sum).toBe(3);
    await reader.sync();
    await reader.at({ seq: 1 });
    await reader.verify();
    for await (const { seq } of reader.changes({ from: 1 })) if (seq === 2) break;
    const refused = { code: 'ERR_READ_ONLY', outcome: 'not-done' };
    expect(await errorOf(reader.handle(3))).toMatchObject(refused);
    expect(await errorOf(reader.snapshot())).toMatchObject(refused);
    expect(await errorOf(reader.prune())).toMatchObject(refused);
    await reader.close();
    expect(writes()).toBe(before);
  });

  it('one writer alone gives up its right when it is closed', async () => {
    const { open } = place();
    const alone = await open({ ...ledger, mode: 'single-writer' });
    await alone.handle(1);
    await alone.close();
    const next = await open(ledger);
    expect(await next.handle(2)).toMatchObject({ seq: 2 });
  });

  it.each([
    [{ handler: undefined }, TypeError],
    [{ initialState: undefined }, TypeError],
    [{ format: 'x'.repeat(101) }, RangeError],
    [{ mode: 'both' }, RangeError],
    [{ idsMax: -1 }, RangeError],
    [{ waitingEventsMax: 0.5 }, RangeError],
    [{ retention: { keep: 0 } }, RangeError],
  ])('refuses wrong options before anything is sent: %p', async (wrong, Kind) => {
    const { open, writes } = place();
    const before = writes();
    const options = { ...ledger, ...wrong } as unknown as typeof ledger;
    expect(await errorOf(open(options))).toBeInstanceOf(Kind);
    expect(writes()).toBe(before);
  });

  it.each([
    [{ id: '' }, RangeError],
    [{ id: 'é'.repeat(257) }, RangeError],
    [{ id: 5 }, RangeError],
    [{ timeoutMs: -1 }, RangeError],
    [{ timeoutMs: Number.NaN }, RangeError],
  ])('refuses wrong options of a call: %p', async (wrong, Kind) => {
    const one = await place().open(ledger);
    expect(await errorOf(one.handle(1, wrong as { id: string }))).toBeInstanceOf(Kind);
    expect(await one.handle(1)).toMatchObject({ seq: 1 });
  });
}

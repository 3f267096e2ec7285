// Goal: of a stream that was deleted nothing comes back, whoever is late: a snapshot that is being made, a prune, a page, a body.
// Method: processes on one memory engine, one of which is held at one of its requests until another has deleted the stream.
import { describe, expect, it } from '@jest/globals';
import { AtomTable } from '../../lib/atom/index.js';
import { type Clock, systemClock } from '../../lib/engine/index.js';
import { EventStore, type EventStoreOptions } from '../../lib/events/index.js';
import { type Step, steppedEngine } from '../support/stepped-engine.js';
import { counter, keysIn, openMemory, openProcess, tableName } from './aggregate/counting.js';
import { gate, noise } from './stage.js';

const stream = 'counter-1';
const left = [`events/${stream}/head`];

/** A process that is held at its first request that `isIt`, once `arm` was called, until it is let go. */
async function heldAt(isIt: (step: Step) => boolean, options: EventStoreOptions = {}, clock: Clock = systemClock) {
  const engine = await openMemory();
  const { passed, open } = gate();
  let [isArmed, isHeld] = [false, false];
  const stepped = steppedEngine(engine, (step) => {
    if (!isArmed || isHeld || !isIt(step)) return undefined;
    isHeld = true;
    return passed.then(() => step.send());
  });
  return {
    engine,
    late: new EventStore(new AtomTable({ engine: stepped, tableName, clock }), options),
    arm: () => {
      isArmed = true;
    },
    held: async () => {
      while (!isHeld) await new Promise(setImmediate);
    },
    isHeld: () => isHeld,
    letGo: open,
  };
}

describe('a deleted stream', () => {
  it.each(['before it is begun', 'before its parts are put', 'before it is named'])(
    'has no snapshot of a state that was being stored, held %s',
    async (when) => {
      const isAt: Readonly<Record<string, (step: Step) => boolean>> = {
        'before it is begun': ({ kind, text }) => kind === 'put' && text.includes('/snap"'),
        'before its parts are put': ({ kind, text }) => kind === 'put' && /\/(part|snap)\//.test(text),
        'before it is named': ({ kind, text }) => kind === 'put' && text.includes('/snap"') && text.includes('digest'),
      };
      const { engine, late, arm, held, letGo } = await heldAt(isAt[when] as (step: Step) => boolean);
      const type = counter({ snapshotEvery: 10 }, 8_000);
      arm();
      for (let n = 0; n < 12; n += 1) await late.execute(type, '1', [1]);
      await held();
      await openProcess(engine).store.delete(stream);
      letGo();
      await late.settled();
      await late.close();
      expect(await keysIn(engine)).toEqual(left);
    },
  );

  it('has no snapshot of a prune that was under way', async () => {
    const { engine, late, arm, held, letGo } = await heldAt(({ text }) => text.includes('/snap"'));
    const type = counter({ snapshotEvery: 1_000 }, 8_000);
    for (let n = 0; n < 40; n += 1) await late.execute(type, '1', [1]);
    arm();
    const pruned = late.prune(type, '1').catch((error: unknown) => error);
    await held();
    await openProcess(engine).store.delete(stream);
    letGo();
    expect(await pruned).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    expect(await keysIn(engine)).toEqual(left);
  });

  describe.each(['page', 'command'])('has no item %s that was put too late', (kind) => {
    const isIt = (step: Step) => step.kind === 'put' && step.text.includes(`/${kind}/`);

    /** Appends until a page is being put; then the stream is deleted. */
    async function deleteMeanwhile({ engine, late, arm, isHeld }: Awaited<ReturnType<typeof heldAt>>): Promise<void> {
      arm();
      for (let n = 0; !isHeld(); n += 1) {
        await late.append(stream, [{ type: 'noted', data: noise(90, n) }], { commandId: `c${n}` });
        for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
      }
      await openProcess(engine).store.delete(stream);
    }

    it('by a process that was held for long', async () => {
      let ms = 0;
      const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + ms };
      const held = await heldAt(isIt, {}, clock);
      await deleteMeanwhile(held);
      ms = 2_000;
      held.letGo();
      await held.late.close();
      expect(await keysIn(held.engine)).toEqual(left);
    });

    it('by a process that comes by once more', async () => {
      const held = await heldAt(isIt);
      await deleteMeanwhile(held);
      held.letGo();
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      await expect(held.late.append(stream, [{ type: 'noted' }])).rejects.toMatchObject({ code: 'ERR_STREAM_CLOSED' });
      await held.late.close();
      expect(await keysIn(held.engine)).toEqual(left);
    });
  });

  it.each([[], ['counter']])('has no body that was put too late, with ordered categories %s', async (...ordered) => {
    const { engine, late, arm, held, letGo } = await heldAt(
      ({ kind, text }) => kind === 'put' && text.includes('/body/'),
      { ordered },
    );
    await late.append(stream, [{ type: 'noted' }]);
    arm();
    const appended = late.append(stream, [{ type: 'noted', data: noise(20_000) }]).catch((error: unknown) => error);
    await held();
    await openProcess(engine, { ordered }).store.delete(stream);
    letGo();
    expect(await appended).toMatchObject({ code: 'ERR_STREAM_CLOSED' });
    await late.close();
    expect((await keysIn(engine)).filter((key) => key.startsWith(`events/${stream}`))).toEqual(left);
  });
});

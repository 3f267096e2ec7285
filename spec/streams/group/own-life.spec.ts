import { describe, expect, it } from '@jest/globals';
import { MemoryEngine, seededRandom } from '../../../lib/engine/index.js';
import { GroupItems } from '../../../lib/streams/group/group-items.js';
import { type LifeEnd, type LifeTerms, OwnLife } from '../../../lib/streams/group/own-life.js';
import { VirtualClock } from '../../../lib/testing/index.js';
import { Machine } from '../../support/machine.js';

const leaseMs = 10_000;
const marginMs = 1_000;
const down = [{ fault: { kind: 'unreachable' as const } }];

/** A life on a machine whose every answer takes so long. */
async function inLife(answerMs: number, run: (life: OwnLife, machine: Machine, ends: LifeEnd[]) => Promise<void>) {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  const machine: Machine = new Machine(engine, clock, {
    table: { sortKeyName: 'sk' },
    onStep: async (step) => {
      try {
        return await step.send();
      } finally {
        await clock.sleep(answerMs);
      }
    },
  });
  const ends: LifeEnd[] = [];
  const terms: LifeTerms = {
    ...{ owner: { id: 'ann', life: 'a1' }, atom: new GroupItems(machine.table, 'g').member('ann') },
    ...{ clock: machine.clock, random: seededRandom(1), leaseMs, marginMs, beatMs: 2_500 },
    facts: () => ({ capacity: 1 }),
    mayReplace: () => false,
    onBeat: () => {},
    onTrouble: () => {},
    onEnd: (end) => ends.push(end),
  };
  await clock.run(machine.table.create().then(() => run(new OwnLife(terms), machine, ends)));
}

describe('OwnLife', () => {
  it('is believed in from its first beat on, and while beats are acknowledged', () =>
    inLife(0, async (life, machine, ends) => {
      expect(life.isLive).toBe(false);
      await life.begin();
      expect(life.isLive).toBe(true);
      await machine.clock.sleep(60_000);
      expect(life.isLive).toBe(true);
      expect(ends).toEqual([]);
      life.finish('stopped');
    }));

  it('ends after the lease less the margin, counted from before its last acknowledged beat was sent', () =>
    inLife(400, async (life, machine, ends) => {
      // A read, as nothing is known yet, and the write.
      const sentAt = machine.clock.monotonicMs();
      await life.begin();
      const answeredAt = machine.clock.monotonicMs();
      expect(answeredAt - sentAt).toBe(800);
      machine.faulty.setRules(down);
      await machine.clock.sleep(sentAt + leaseMs - marginMs - 1 - answeredAt);
      expect(life.isLive).toBe(true);
      await machine.clock.sleep(1);
      expect(life.isLive).toBe(false);
      expect(ends).toEqual(['silent']);
    }));

  it('is over at the first look after a stop, before any timer has fired', () =>
    inLife(0, async (life, machine, ends) => {
      await life.begin();
      machine.stepWallClock(20_000);
      expect(life.isLive).toBe(false);
      expect(ends).toEqual(['silent']);
    }));

  it('ends when another life has its item', () =>
    inLife(0, async (life, machine, ends) => {
      await life.begin();
      const atom = new GroupItems(machine.table, 'g').member('ann');
      await atom.swap((state) => ({ ...(state as NonNullable<typeof state>), life: 'other' }));
      await machine.clock.sleep(3_000);
      expect(ends).toEqual(['replaced']);
      expect((await atom.deref())?.life).toBe('other');
    }));

  it('writes its item again when somebody has removed it', () =>
    inLife(0, async (life, machine) => {
      await life.begin();
      const atom = new GroupItems(machine.table, 'g').member('ann');
      await atom.delete();
      await machine.clock.sleep(3_000);
      expect(await atom.deref()).toMatchObject({ life: 'a1' });
      life.finish('stopped');
    }));
});

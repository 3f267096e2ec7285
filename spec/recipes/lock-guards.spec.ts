/** Goal: guards of claims that only a certain order of events meets. Method: that order, made by hand. */
import { describe, expect, it } from '@jest/globals';
import { MemoryEngine } from '../../lib/engine/index.js';
import { Rivals } from '../../lib/recipes/claims/rivals.js';
import { Lock, Session } from '../../lib/recipes/index.js';
import { VirtualClock } from '../../lib/testing/index.js';
import { Machine } from '../support/machine.js';
import { isWriteStep, type Step } from '../support/stepped-engine.js';

async function world() {
  const clock = new VirtualClock();
  const engine = new MemoryEngine({ clock });
  let seed = 10;
  const actor = (onStep?: (step: Step) => Promise<unknown> | undefined) => {
    seed += 1;
    const machine = new Machine(engine, clock, { seed, ...(onStep !== undefined && { onStep }) });
    const session = new Session(machine.table, { leaseMs: 3_000 });
    return { machine, session, lock: new Lock(session, 'report') };
  };
  await clock.run(new Machine(engine, clock).table.create());
  return { clock, actor };
}

const writesLock = (step: Step) => isWriteStep(step) && step.text.includes('lock:report');

describe('claims', () => {
  it('are not granted under a lease that has ended, and leave nothing then', async () => {
    const { clock, actor } = await world();
    const one = actor((step) => {
      if (!writesLock(step)) return undefined;
      // Stopped after the request was judged, until its lease is over.
      return step.send().then((answer) => {
        one.machine.stop(2_900);
        return answer;
      });
    });
    await expect(clock.run(one.lock.acquire())).rejects.toMatchObject({ code: 'ERR_LEASE_LOST' });
    await clock.advance(2_000);
    const two = actor();
    expect(await clock.run(two.lock.holder())).toBeUndefined();
  });

  it('of a claim of unknown fate leave nothing, and the next call does not wait for it', async () => {
    const { clock, actor } = await world();
    let isCut = true;
    const one = actor((step) => {
      if (!isCut || !writesLock(step)) return undefined;
      return step
        .send()
        .then(() => ({ status: 'unclear', error: Object.assign(new Error(), { name: 'TimeoutError' }) }));
    });
    const abort = new AbortController();
    const reason = new Error('no longer wanted');
    const first = expect(one.lock.acquire({ signal: abort.signal })).rejects.toBe(reason);
    await clock.advance(20);
    abort.abort(reason);
    await first;
    isCut = false;
    const grant = await clock.run(one.lock.acquire({ waitMs: 5_000 }));
    expect(grant.isHeld).toBe(true);
    await clock.run(grant.release());
    expect(await clock.run(actor().lock.holder())).toBeUndefined();
  });

  it('repeat an eviction that fails', async () => {
    const { clock, actor } = await world();
    const dead = actor();
    await clock.run(dead.lock.acquire());
    let refusals = 0;
    const denied = { status: 'not-applied', kind: 'refused', error: new Error('no access') };
    const next = actor((step) => {
      // Its ticket has gone through; the evictions have not.
      if (!writesLock(step) || clock.monotonicMs() < 2_000 || refusals >= 2) return undefined;
      refusals += 1;
      return Promise.resolve(denied);
    });
    const waiting = next.lock.acquire();
    dead.machine.die();
    expect((await clock.run(waiting)).token).toBe(2n);
    expect(refusals).toBe(2);
  });
});

describe('Rivals', () => {
  it('observe a session anew that is still waited for after it was over and dealt with', async () => {
    const told: (() => void)[] = [];
    const observe = (_id: string, isOver: () => void) => {
      told.push(isOver);
      return { obstacle: undefined, close: () => {} };
    };
    const dealt: string[] = [];
    const rivals = new Rivals({ observe } as unknown as Session, async (id) => {
      dealt.push(id);
    });
    const ids = new Set(['one', 'other']);
    rivals.observe(ids);
    told[0]?.();
    rivals.observe(ids);
    expect(told).toHaveLength(2);
    await new Promise(setImmediate);
    rivals.observe(ids);
    expect(told).toHaveLength(3);
    expect(dealt).toEqual(['one']);
  });
});

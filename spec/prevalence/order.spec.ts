// Goal: calls that one instance makes one after the other, without waiting, take effect in the order of the calls, however they are
// cut into commits, and also when another instance is first now and then.
// Method: a handler that takes a step only after the one before it, with events small and large; a second instance in between.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import { noise } from '../support/prevalent.js';
import { type Bench, openBench } from './bench.js';

let bench: Bench;
beforeEach(async () => {
  bench = await openBench({ latency: () => 5 });
});
afterEach(() => bench.close());

interface Step {
  /** One more than the last one of its lane, or none. */
  readonly step?: number;
  readonly lane: number;
  readonly weight: string;
}

/** Steps of each lane, in order; a step out of turn is refused. */
const stairs = {
  initialState: {} as Readonly<Record<string, number>>,
  handler: (lanes: Readonly<Record<string, number>>, { lane, step }: Step) => {
    const last = lanes[lane] ?? 0;
    if (step !== last + 1) throw new RangeError(`step ${step} after ${last}`);
    return { ...lanes, [lane]: step };
  },
};

describe('calls without waiting in between', () => {
  it.each([1, 2, 3, 4, 5, 6])('take effect in the order of the calls, seed %i', async (seed) => {
    const random = seededRandom(seed);
    const weights = [10, 10, 100, 400, 2_000];
    const weigh = () => noise(weights[random.int(weights.length)] as number, random.int(50));
    const one = await bench.open(stairs);
    const other = await bench.open(stairs);
    const calls: Promise<unknown>[] = [];
    let [step, otherStep] = [0, 0];
    const act = async () => {
      // In bursts of all sizes, so that batches are in flight beside others, and bodies beside heads.
      for (let burst = 0; burst < 40; burst += 1) {
        for (let count = random.int(40); count > 0; count -= 1) {
          step += 1;
          calls.push(one.handle({ lane: 1, step, weight: weigh() }));
          // One that rests on nothing, so that bodies are not empty when all else has to wait.
          calls.push(one.handle({ lane: 100 + step, step: 1, weight: weigh() }));
        }
        if (random.int(4) === 0) {
          otherStep += 1;
          calls.push(other.handle({ lane: 2, step: otherStep, weight: weigh() }));
        }
        await bench.clock.sleep(random.int(12));
      }
      return Promise.allSettled(calls);
    };
    const results = await bench.run(act());
    const refused = results.flatMap((result) => (result.status === 'rejected' ? [String(result.reason)] : []));
    expect(refused).toEqual([]);
    expect(await bench.run(one.sync())).toMatchObject({ 1: step, 2: otherStep });
  });
});

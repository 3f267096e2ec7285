import { describe, expect, it } from '@jest/globals';
import { Pace } from '../../lib/snapshot/pace.js';

/** Milliseconds of the slice after a rest in which others had so long. */
async function sliceAfter(restMs: number, sliceMs?: number): Promise<number> {
  let time = 0;
  const yieldNow = async () => {
    time += restMs;
  };
  const pace = new Pace({ ...(sliceMs !== undefined && { sliceMs }), now: () => time, yieldNow });
  await pace.rest();
  const began = time;
  while (!pace.isOver()) time += 0.25;
  return time - began;
}

describe('Pace', () => {
  it('has short slices where others take little', async () => {
    expect([await sliceAfter(0), await sliceAfter(1), await sliceAfter(2)]).toEqual([0.25, 0.25, 0.25]);
  });

  it('has an eighth of what others take, so that it comes to an end beside those who take all', async () => {
    expect([await sliceAfter(8), await sliceAfter(20), await sliceAfter(80)]).toEqual([1, 2.5, 10]);
  });

  it('has no longer slices after a process stood still', async () => {
    expect([await sliceAfter(60_000), await sliceAfter(60_000, 20), await sliceAfter(1, 20)]).toEqual([10, 20, 20]);
  });
});

// Goal: sleeps under a signal end with it, and leave nothing at it. Method: the system's own clock, and sleeps that would last for hours.
import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { systemClock } from '../../lib/engine/index.js';

describe('systemClock', () => {
  it('has one listener at a signal, however many sleep under it, and none when they have woken', async () => {
    const end = new AbortController();
    const { signal } = end;
    const sleeps = Array.from({ length: 30 }, () => systemClock.sleep(3_600_000, { signal }));
    const short = systemClock.sleep(1, { signal });
    expect(getEventListeners(signal, 'abort')).toHaveLength(1);
    await short;
    end.abort('enough');
    const ended = await Promise.allSettled(sleeps);
    expect(new Set(ended.map((one) => one.status === 'rejected' && one.reason))).toEqual(new Set(['enough']));
    const other = new AbortController();
    await systemClock.sleep(1, { signal: other.signal });
    expect([signal, other.signal].map((one) => getEventListeners(one, 'abort').length)).toEqual([0, 0]);
    await expect(systemClock.sleep(1, { signal })).rejects.toBe('enough');
  });
});

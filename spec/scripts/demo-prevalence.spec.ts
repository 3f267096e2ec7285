/**
 * Goal: the prevalence job, as a stranger runs it, proves what it says, notices what is wrong, and leaves nothing behind.
 * Method: small runs of the real thing in processes of its own.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Figures } from '../../scripts/demo/prevalence/report.js';
import { endAll, interrupt, runAsGuest, start, until } from './demo-process.js';

afterEach(endAll);

// Five processes start, which takes long where others are at work as well.
jest.setTimeout(60_000);

describe('npm start -- prevalence', () => {
  it('takes every flight once although a process is killed, and recovers the state and a past one', async () => {
    const flags = ['--rows', '4000', '--chunk', '500', '--window', '130', '--processes', '3', '--json'];
    const demo = start(['prevalence', ...flags]);
    const { code, stdout } = await demo.ended;
    expect([code, demo.stderr()]).toEqual([0, expect.stringContaining('was killed with SIGKILL')]);
    const figures: Figures = JSON.parse(stdout);
    expect(figures).toMatchObject({
      processes: 3,
      rows: 4_000,
      chunks: 8,
      events: 4_000,
      recovery: { seq: 4_000 },
      equal: true,
      differences: [],
    });
    expect(figures.summary.flights).toBe(4_000);
    expect(figures.worst).toHaveLength(100);
    expect(figures.instances).toBeGreaterThanOrEqual(4);
    // What the dead one held was gone on with by others, once.
    expect(figures.resumed.map(({ chunk }) => chunk).sort()).toEqual([...figures.returned].sort());
    expect(figures.resumed.map(({ worker }) => worker)).not.toContain(figures.killed?.worker);
    expect(figures.commits).toBeLessThan(figures.events / 2);
    expect(figures.snapshot.seq).toBeGreaterThanOrEqual(4_000 / 3);
    expect(figures.past.seq).toBeGreaterThanOrEqual(figures.snapshot.seq);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });

  it('tells a difference of one minute, and spares a table that it did not make', async () => {
    const flags = ['--rows', '500', '--processes', '1', '--no-kill', '--falsify'];
    const { code, stdout, mine, keys } = await runAsGuest(['prevalence', ...flags]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^summary: delay is -?\d+ in the fresh process, -?\d+ by the computation$/m);
    expect(stdout).toMatch(/\n500 rows: .* equal the sequential computation: NO\n$/);
    expect([mine, keys]).toEqual(['stays', ['mine']]);
  });

  it('leaves no process and no file behind when it is interrupted', async () => {
    const demo = start(['prevalence', '--rows', '4000', '--window', '20', '--processes', '2']);
    await until(demo, () => demo.stderr().includes('of 4,000 rows'));
    expect(demo.leftovers()).toHaveLength(1);
    expect(await interrupt(demo)).toBe(130);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });
});

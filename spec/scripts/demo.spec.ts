/**
 * Goal: the demo, as a stranger runs it, proves what it says, notices what is wrong, and leaves nothing behind.
 * Method: small runs of the real thing in processes of its own.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import type { Figures } from '../../scripts/demo/report.js';
import { endAll, interrupt, runAsGuest, start, until } from './demo-process.js';

afterEach(endAll);

// Four processes start, which takes long where others are at work as well.
jest.setTimeout(60_000);

describe('npm start', () => {
  it('counts every row once although a process is killed', async () => {
    const demo = start(['--rows', '3000', '--chunk', '500', '--window', '100', '--processes', '2', '--json']);
    const { code, stdout } = await demo.ended;
    expect([code, demo.stderr()]).toEqual([0, expect.stringContaining('was killed with SIGKILL')]);
    const figures: Figures = JSON.parse(stdout);
    expect(figures).toMatchObject({
      processes: 2,
      rows: 3_000,
      chunks: 6,
      swaps: 9_000,
      equal: true,
      differences: [],
    });
    expect(figures.summary.flights).toBe(3_000);
    expect(figures.bands.reduce((sum, { flights }) => sum + flights, 0)).toBe(3_000);
    expect(figures.hours.reduce((sum, { flights }) => sum + flights, 0)).toBe(3_000);
    // What the dead one held was gone on with by another one, once.
    expect(figures.resumed.map(({ chunk, stage }) => ({ chunk, stage }))).toEqual(figures.returned);
    expect(figures.resumed.map(({ worker }) => worker)).not.toContain(figures.killed?.worker);
    expect(Object.values(figures.chunksFinished)).toHaveLength(1);
    expect(figures.writes).toBeLessThan(figures.swaps);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });

  it('tells a difference of one minute, and spares a table that it did not make', async () => {
    const flags = ['--rows', '500', '--processes', '1', '--no-kill', '--falsify'];
    const { code, stdout, mine } = await runAsGuest(flags);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^summary: delay is -?\d+ in the atom, -?\d+ by the computation$/m);
    expect(stdout).toMatch(/\n500 rows: atoms equal the sequential computation: NO\n$/);
    expect(mine).toBe('stays');
  });

  it('leaves no process and no file behind when it is interrupted', async () => {
    const demo = start(['--window', '20', '--processes', '2']);
    await until(demo, () => demo.stderr().includes('2 processes'));
    expect(demo.leftovers()).toHaveLength(1);
    expect(await interrupt(demo)).toBe(130);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });

  it('leaves no process and no file behind when it is killed itself', async () => {
    const demo = start(['--window', '20', '--processes', '2']);
    await until(demo, () => demo.stderr().includes('2 processes'));
    demo.child.kill('SIGKILL');
    await until(demo, () => !demo.lives());
    expect(demo.leftovers()).toEqual([]);
  });
});

/**
 * Goal: the streams' job, as a stranger runs it, proves what it says, notices one missing change, and leaves nothing behind.
 * Method: small runs of the real thing on DynamoDB Local, in processes of its own, one of which is killed.
 */
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { findDynamoDBLocal } from '../../lib/testing/index.js';
import type { Figures } from '../../scripts/demo/streams/report.js';
import { endAll, interrupt, start, until } from '../scripts/demo-process.js';

afterEach(endAll);

// Seven processes and a virtual machine start, which takes long where others are at work as well.
jest.setTimeout(120_000);

const { missing } = findDynamoDBLocal();
if (missing !== undefined) process.stderr.write(`\n*** npm start -- streams is SKIPPED: ${missing} ***\n\n`);
const onLocal = missing === undefined ? describe : describe.skip;

onLocal('npm start -- streams', () => {
  it('counts every change once although a process of the group is killed', async () => {
    const demo = start(['streams', '--rows', '2000', '--chunk', '250', '--window', '50', '--json']);
    const { code, stdout } = await demo.ended;
    expect([code, demo.stderr()]).toEqual([
      0,
      expect.stringContaining('was killed with SIGKILL, with a batch in hand'),
    ]);
    const figures: Figures = JSON.parse(stdout);
    expect(figures).toMatchObject({ processes: 2, consumers: 3, rows: 2_000, equal: true, differences: [] });
    expect(figures.summary.flights).toBe(2_000);
    expect(figures.bands.reduce((sum, { flights }) => sum + flights, 0)).toBe(2_000);
    expect(figures.delivered - figures.deliveredAgain).toBe(figures.changes);
    expect(figures.killed?.failoverMs).toBeGreaterThan(0);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });

  it('tells that one change is missing', async () => {
    const flags = ['--rows', '2000', '--chunk', '500', '--window', '10', '--no-kill', '--falsify'];
    const { code, stdout } = await start(['streams', ...flags]).ended;
    expect(code).toBe(1);
    expect(stdout).toMatch(/^summary: (\d+) changes are in the view, the atom has \d+ versions$/m);
    expect(stdout).toMatch(/^summary: flights is \d+ in the view, 2000 in the atom$/m);
    expect(stdout).toMatch(/\n2,000 rows: the view equals the atoms, .* computation: NO\n$/);
  });

  it('leaves no process behind when it is interrupted', async () => {
    const demo = start(['streams', '--window', '20']);
    await until(demo, () => demo.stderr().includes('of 20,000 rows'));
    expect(await interrupt(demo)).toBe(130);
    expect([demo.lives(), demo.leftovers()]).toEqual([false, []]);
  });
});

/**
 * Who may write into a directory, on real files; who lives is told by injected machines. What happens when several are at it at the same
 * time stands in `spec/models/files`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { seededRandom } from '../../lib/engine/index.js';
import type { FileSystem } from '../../lib/files/file-system.js';
import { type TakeRequest, takeDirectory } from '../../lib/files/holder.js';
import type { HolderIdentity, Life, Machine } from '../../lib/files/machine.js';
import { nodeFileSystem } from '../../lib/files/node-file-system.js';
import { ModelledDisk } from '../support/modelled-file-system.js';
import { imagesAfter, momentsOf } from '../support/power-loss.js';
import { errorOf } from '../support/prevalent.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'leyden-holder-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A process of a machine that tells of others what it is told. */
const processOf = (pid: number, life: (other: HolderIdentity) => Life = () => 'dead'): Machine => ({
  self: () => ({ pid, startTime: String(pid * 10), host: 'here', bootId: 'b', command: `p${pid}.js` }),
  lifeOf: life,
});

const take = (pid: number, life: Life = 'dead', options: Partial<TakeRequest> = {}) =>
  takeDirectory({
    ...{ fileSystem: nodeFileSystem, directory: folder, machine: processOf(pid, () => life), takeOver: false },
    ...{ now: () => 1_000 + pid, epochAbove: async () => 0, instance: `i${pid}` },
    ...options,
  });

const names = () => readdirSync(folder).sort();

describe('takeDirectory()', () => {
  it('writes down who it is, and leaves nothing else behind', async () => {
    const holding = await take(1);
    expect(holding.epoch).toBe(1);
    expect(holding.isMine()).toBe(true);
    expect(names()).toEqual(['holder-0000000001']);
    expect(JSON.parse(readFileSync(path.join(folder, 'holder-0000000001'), 'utf8'))).toEqual({
      ...{ format: 1, epoch: 1, instance: 'i1', since: 1_001 },
      ...{ pid: 1, startTime: '10', host: 'here', bootId: 'b', command: 'p1.js' },
    });
    await holding.release();
    expect(names()).toEqual([]);
    expect(holding.isMine()).toBe(false);
    await holding.release();
  });

  it('refuses one who comes while another lives, by name', async () => {
    const holding = await take(1);
    const error = await errorOf(take(2, 'alive'));
    expect(error).toMatchObject({
      ...{ code: 'ERR_DIRECTORY_HELD', reason: 'held', directory: folder, outcome: 'not-done' },
      holder: { pid: 1, host: 'here', command: 'p1.js', since: 1_001 },
    });
    expect(error.message).toMatch(/process 1 \(p1\.js\) on here, since 1970-01-01T00:00:01\.001Z/);
    expect(error.message).not.toMatch('takeOver');
    expect(holding.isMine()).toBe(true);
    expect(names()).toEqual(['holder-0000000001']);
    await holding.release();
  });

  it('does not take over from one who lives, whatever the user vouches for', async () => {
    const holding = await take(1);
    await expect(take(2, 'alive', { takeOver: true })).rejects.toMatchObject({ code: 'ERR_DIRECTORY_HELD' });
    await holding.release();
  });

  it('takes over from the dead', async () => {
    const dead = await take(1);
    const holding = await take(2, 'dead');
    expect(holding.epoch).toBe(2);
    expect(names()).toEqual(['holder-0000000002']);
    expect(dead.isMine()).toBe(false);
    expect(await dead.successor()).toEqual({ pid: 2, host: 'here', command: 'p2.js', since: 1_002 });
    // One that was taken over and is told so takes nothing away.
    await dead.release();
    expect(holding.isMine()).toBe(true);
    await holding.release();
  });

  it('takes over from one who may live only if the user vouches that it does not', async () => {
    const other = await take(1);
    const error = await errorOf(take(2, 'unknown'));
    expect(error).toMatchObject({ code: 'ERR_DIRECTORY_HELD', holder: { pid: 1 } });
    expect(error.message).toMatch('takeOver: true');
    const holding = await take(2, 'unknown', { takeOver: true });
    expect([other.isMine(), holding.isMine()]).toEqual([false, true]);
    await other.release();
    await holding.release();
  });

  it.each(['', 'null', '{}', '{"format":2,"pid":1,"since":1}', '\u0000\u0000'])(
    'takes one that is not what it wrote for somebody who may live: %j',
    async (text) => {
      writeFileSync(path.join(folder, 'holder-0000000004'), text);
      await expect(take(1)).rejects.toMatchObject({ code: 'ERR_DIRECTORY_HELD', holder: undefined });
      const holding = await take(1, 'dead', { takeOver: true });
      expect(holding.epoch).toBe(5);
      await holding.release();
    },
  );

  it('is above all epochs in the journal', async () => {
    const holding = await take(1, 'dead', { epochAbove: async () => 7 });
    expect(holding.epoch).toBe(8);
    await holding.release();
  });

  it('is above an epoch that comes into the journal meanwhile', async () => {
    const epochs = [7, 8, 8, 8];
    const holding = await take(1, 'dead', { epochAbove: async () => epochs.shift() as number });
    expect(holding.epoch).toBe(9);
    expect(names()).toEqual(['holder-0000000009']);
    await holding.release();
  });

  it('gives way when it finds somebody whom it has not judged', async () => {
    // Between the look and the link another takes it, closes it, and a third has it.
    let third: Promise<unknown> | undefined;
    const fileSystem: FileSystem = {
      ...nodeFileSystem,
      link: async (from, to) => {
        third ??= take(3, 'dead', { epochAbove: async () => 5 });
        await third;
        await nodeFileSystem.link(from, to);
      },
    };
    await expect(take(1, 'alive', { fileSystem })).rejects.toMatchObject({ holder: { pid: 3 } });
    expect(names()).toEqual(['holder-0000000006']);
    await ((await third) as { release(): Promise<void> }).release();
  });

  it('knows its own file, not only its name', async () => {
    const first = await take(1);
    // Two later holders have come and gone, and a third was so slow that it has got the first one's number.
    rmSync(path.join(folder, 'holder-0000000001'));
    const slow = await take(4);
    expect([slow.epoch, slow.isMine(), first.isMine()]).toEqual([1, true, false]);
    await first.release();
    expect(slow.isMine()).toBe(true);
    await slow.release();
  });

  it('has its name only when a loss of power can not take what stands in it', async () => {
    const disk = new ModelledDisk();
    await take(1, 'dead', { fileSystem: disk.fileSystem(), directory: '/d' });
    for (const moment of momentsOf(disk.start, disk.log)) {
      for (const image of imagesAfter(moment, seededRandom(1), 5)) {
        // Nobody who can be judged is unknown.
        const next = await take(2, 'dead', { fileSystem: new ModelledDisk(image).fileSystem(), directory: '/d' });
        expect(next.isMine()).toBe(true);
      }
    }
  });

  it('fails with what the system says, and holds nothing then', async () => {
    for (const call of ['create', 'link', 'list'] as const) {
      const fail = () => Promise.reject(Object.assign(new Error('no'), { code: 'EIO' }));
      await expect(take(1, 'dead', { fileSystem: { ...nodeFileSystem, [call]: fail } })).rejects.toMatchObject({
        code: 'EIO',
      });
      expect(names()).toEqual([]);
    }
  });

  it('holds nothing when the link was made and told as failed', async () => {
    const link = async (from: string, to: string) => {
      await nodeFileSystem.link(from, to);
      throw Object.assign(new Error('no'), { code: 'EIO' });
    };
    await expect(take(1, 'dead', { fileSystem: { ...nodeFileSystem, link } })).rejects.toMatchObject({ code: 'EIO' });
    expect(names()).toEqual([]);
  });
});

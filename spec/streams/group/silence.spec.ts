import { describe, expect, it } from '@jest/globals';
import type { MemberState } from '../../../lib/streams/group/lease-state.js';
import { Silence } from '../../../lib/streams/group/silence.js';

const leaseMs = 10_000;
const row = (beat: number, life = 'a1', id = 'ann'): MemberState => ({
  ...{ kind: 'stream-member', v: 1, id, life, beat, leaseMs, capacity: 1 },
});
const ann = { id: 'ann', life: 'a1' };
const me = { id: 'me', life: 'm1' };

describe('Silence', () => {
  it('finds a member silent when it was asked after a whole lease and answers with the same beat', () => {
    const silence = new Silence(leaseMs);
    silence.see([row(7)], 0, 100);
    expect(silence.nextMs(me)).toBe(10_100);
    expect(silence.see([row(7)], 10_100, 10_120)).toEqual([ann]);
    expect(silence.isOver(ann)).toBe(true);
    expect(silence.see([row(7)], 20_000, 20_020)).toEqual([]);
  });

  it('does not believe an answer to a question that was asked before', () => {
    const silence = new Silence(leaseMs);
    silence.see([row(7)], 0, 100);
    expect(silence.see([row(7)], 10_099, 15_000)).toEqual([]);
    expect(silence.isOver(ann)).toBe(false);
  });

  it('counts from when an answer came, not from when it was asked for', () => {
    const silence = new Silence(leaseMs);
    silence.see([row(7)], 0, 5_000);
    expect(silence.see([row(7)], 10_000, 10_001)).toEqual([]);
    expect(silence.see([row(7)], 15_000, 15_001)).toEqual([ann]);
  });

  it('counts anew with each beat, also of one that was thought to be over', () => {
    const silence = new Silence(leaseMs);
    silence.see([row(7)], 0, 0);
    silence.see([row(8)], 9_000, 9_010);
    expect(silence.see([row(8)], 12_000, 12_010)).toEqual([]);
    silence.see([row(8)], 20_000, 20_010);
    expect(silence.isOver(ann)).toBe(true);
    silence.see([row(9)], 21_000, 21_010);
    expect(silence.isOver(ann)).toBe(false);
  });

  it('waits as long as a member says of itself', () => {
    const silence = new Silence(leaseMs);
    const slow = { ...row(1), leaseMs: 60_000 };
    silence.see([slow], 0, 0);
    silence.see([slow], 30_000, 30_000);
    expect(silence.isOver(ann)).toBe(false);
  });

  it('waits for an owner without item from when it was missed', () => {
    const silence = new Silence(leaseMs);
    silence.expect([ann], 1_000);
    expect(silence.isOver(ann)).toBe(false);
    expect(silence.see([], 10_000, 10_010)).toEqual([]);
    expect(silence.see([], 11_000, 11_010)).toEqual([ann]);
  });

  it('waits anew for one whose item was removed', () => {
    const silence = new Silence(leaseMs);
    silence.see([row(7)], 0, 0);
    silence.see([], 9_000, 9_000);
    silence.see([], 12_000, 12_000);
    expect(silence.isOver(ann)).toBe(false);
    silence.see([], 19_000, 19_000);
    expect(silence.isOver(ann)).toBe(true);
  });

  it('forgets who has no item when no lease names them any more', () => {
    const silence = new Silence(leaseMs);
    silence.expect([ann], 0);
    silence.expect([], 1_000);
    expect(silence.nextMs(me)).toBe(Number.POSITIVE_INFINITY);
  });

  it('need not wait for a life that its own process has ended', () => {
    const silence = new Silence(leaseMs);
    silence.bury(ann);
    expect(silence.isOver(ann)).toBe(true);
    silence.expect([ann], 0);
    expect(silence.isOver(ann)).toBe(true);
  });
});

/**
 * Goal: bytes in a state, which the language cannot freeze, are not changed unnoticed.
 * Method: handlers that copy them, and handlers that write into them, when they decide and when they replay.
 */
import { describe, expect, it } from '@jest/globals';
import { openPrevayler, transientStorage } from '../../lib/prevalence/index.js';

interface State {
  readonly picture: Uint8Array;
  readonly n: number;
}

const initialState: State = { picture: new Uint8Array([1, 2, 3]), n: 0 };

/** Sets the first byte: in a copy, or where it stands. */
const handlerOf =
  (copies: boolean) =>
  ({ picture, n }: State, event: { readonly first: number }): State => {
    const next = copies ? picture.slice() : picture;
    next[0] = event.first;
    return { picture: next, n: n + 1 };
  };

describe('bytes in a state', () => {
  it('are changed in a copy, and survive a replay and a snapshot', async () => {
    const storage = transientStorage();
    const options = { storage, initialState, handler: handlerOf(true) };
    await using one = await openPrevayler(options);
    await one.handle({ first: 7 });
    await one.snapshot();
    await one.handle({ first: 8 });
    await using other = await openPrevayler(options);
    expect(other.state).toEqual({ picture: new Uint8Array([8, 2, 3]), n: 2 });
    expect((await other.at({ seq: 1 })).state.picture).toEqual(new Uint8Array([7, 2, 3]));
  });

  it('that a handler writes into put the instance out of use, and nothing is journalled', async () => {
    const storage = transientStorage();
    await using spoiled = await openPrevayler({ storage, initialState, handler: handlerOf(false) });
    await expect(spoiled.handle({ first: 7 })).rejects.toMatchObject({
      code: 'ERR_STATE_SPOILED',
      outcome: 'not-done',
      seq: 0,
    });
    expect(() => spoiled.state).toThrow(expect.objectContaining({ code: 'ERR_POISONED' }));
    await using fresh = await openPrevayler({ storage, initialState, handler: handlerOf(true) });
    expect(fresh.seq).toBe(0);
    expect(fresh.state.picture).toEqual(new Uint8Array([1, 2, 3]));
  });

  it('that a handler writes into at a replay put the instance out of use', async () => {
    const storage = transientStorage();
    await using right = await openPrevayler({ storage, initialState, handler: handlerOf(true) });
    await using wrong = await openPrevayler({ storage, initialState, handler: handlerOf(false), follow: false });
    await right.handle({ first: 7 });
    await expect(wrong.sync()).rejects.toMatchObject({ code: 'ERR_STATE_SPOILED' });
    expect(() => wrong.state).toThrow(expect.objectContaining({ code: 'ERR_POISONED' }));
  });
});

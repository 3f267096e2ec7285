import type { FileCall } from './modelled-file-system.js';

/** Stops a file system at one of its calls. */
export interface CallGate {
  /** When the call has come. */
  readonly reached: Promise<void>;
  /** For `ModelledDisk.fileSystem`. */
  readonly onCall: (call: FileCall) => Promise<undefined>;
  /** From now on the next call that it is for is stopped. */
  set(): void;
  /** Lets the call go on. */
  pass(): void;
}

/** @param at which call; asked of none before it is set, and of none after the one that was stopped */
export function callGate(at: (call: FileCall) => boolean, { isSet = false }: { isSet?: boolean } = {}): CallGate {
  let reach: () => void = () => {};
  let pass: () => void = () => {};
  let isArmed = isSet;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  return {
    ...{ reached, pass },
    set() {
      isArmed = true;
    },
    async onCall(call) {
      if (!isArmed || !at(call)) return undefined;
      isArmed = false;
      reach();
      await passed;
      return undefined;
    },
  };
}

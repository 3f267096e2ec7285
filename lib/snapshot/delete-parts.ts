/** Deleting the parts of a snapshot that nothing names any more, or will. */
import type { SnapshotStore, StoreOptions } from './store.js';

const deletesAtOnce = 8;

/** Resolves when all are gone for certain, also those that never were. */
export async function deleteParts(
  store: SnapshotStore,
  { id, parts }: { readonly id: string; readonly parts: number },
  options?: StoreOptions,
): Promise<void> {
  for (let at = 0; at < parts; at += deletesAtOnce) {
    const length = Math.min(deletesAtOnce, parts - at);
    await Promise.all(Array.from({ length }, (_, index) => store.delete(id, at + index, options)));
  }
}

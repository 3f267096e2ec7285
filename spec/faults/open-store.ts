/** The engines of these specs: dynalite in a process of its own, so too the stand-in for S3, and the one DynamoDB Local of the jest run. */
import { type Store, type StoreName, startStore } from '../histories/stores.js';
import { type EngineRow, engines } from '../support/engines.js';

const rowOf = (name: StoreName): EngineRow => engines.find((row) => row.name === name) as EngineRow;

/** One row for each engine with a wire. */
export const storeRows: readonly (EngineRow & { readonly name: StoreName })[] = (
  ['dynalite', 'dynamodb-local'] as const
).map((name) => ({ ...rowOf(name), name }));

export async function openStore(name: StoreName): Promise<Store> {
  if (name !== 'dynamodb-local') return startStore(name, { onDisk: false });
  const { endpoint = '', close } = await rowOf(name).open();
  return { name, endpoint, close };
}

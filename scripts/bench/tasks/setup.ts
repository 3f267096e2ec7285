/** Makes the table of one run. */
import { AtomTable } from '../../../lib/atom/index.js';
import { clientOf, type Place } from '../clients.js';

export async function setup({ endpoint, table }: Place): Promise<void> {
  await new AtomTable({ client: clientOf(endpoint), tableName: table }).ensure();
}

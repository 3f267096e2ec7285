/** The engine on the SDK that also counts what its writes came to. */
import {
  type PutRequest,
  SdkEngine,
  type SendOptions,
  type TransactWriteAnswer,
  type TransactWriteRequest,
  type UpdateRequest,
  type WriteAnswer,
} from '../../lib/engine/index.js';
import type { Counts } from './sample.js';

export class CountedEngine extends SdkEngine {
  #commits = 0;
  #cancelled = 0;

  override async put(request: PutRequest, options?: SendOptions): Promise<WriteAnswer> {
    const answer = await super.put(request, options);
    if (answer.status === 'applied') this.#commits += 1;
    return answer;
  }

  override async update(request: UpdateRequest, options?: SendOptions): Promise<WriteAnswer> {
    const answer = await super.update(request, options);
    if (answer.status === 'applied') this.#commits += 1;
    return answer;
  }

  override async transactWrite(request: TransactWriteRequest, options?: SendOptions): Promise<TransactWriteAnswer> {
    const answer = await super.transactWrite(request, options);
    if (answer.status === 'applied') this.#commits += 1;
    if (answer.status === 'cancelled') this.#cancelled += 1;
    return answer;
  }

  counts(): Counts {
    const { requests, readUnits, writeUnits, conditionsFailed } = this.spent();
    const [commits, cancelled] = [this.#commits, this.#cancelled];
    return { requests, readUnits, writeUnits, failedPuts: conditionsFailed, commits, cancelled };
  }
}

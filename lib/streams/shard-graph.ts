/** Shards by id, and by parent whether that is known or not. */
import type { ShardDescription } from './port.js';
import { type ShardNode, shardNode } from './shard-node.js';

export class ShardGraph {
  readonly #nodes = new Map<string, ShardNode>();
  readonly #children = new Map<string, Set<string>>();

  /** In the order in which they became known. */
  get nodes(): ReadonlyMap<string, ShardNode> {
    return this.#nodes;
  }

  has(id: string): boolean {
    return this.#nodes.has(id);
  }

  /** The shard of that id; made when there is none. */
  node(id: string): ShardNode {
    let node = this.#nodes.get(id);
    if (node === undefined) {
      node = shardNode(id, this.#childrenOf(id));
      this.#nodes.set(id, node);
    }
    return node;
  }

  parent({ parentId }: ShardNode): ShardNode | undefined {
    return parentId === undefined ? undefined : this.#nodes.get(parentId);
  }

  children(node: ShardNode): ShardNode[] {
    return [...node.children].flatMap((id) => this.#nodes.get(id) ?? []);
  }

  /** It waits for a parent that was never seen. */
  isOrphan({ parentId, state }: ShardNode): boolean {
    return state === 'pending' && parentId !== undefined && !this.#nodes.has(parentId);
  }

  /** What was known once stays: a listing that tells less is not newer. */
  describe(node: ShardNode, { parentId, firstSequence, lastSequence }: ShardDescription): void {
    node.firstSequence ??= firstSequence;
    node.lastSequence ??= lastSequence;
    if (lastSequence !== undefined) node.isClosed = true;
    if (parentId === undefined || parentId === node.id || node.parentId !== undefined) return;
    node.parentId = parentId;
    this.#childrenOf(parentId).add(node.id);
    const parent = this.#nodes.get(parentId);
    if (parent !== undefined) parent.isClosed = true;
  }

  forget(node: ShardNode): void {
    this.#nodes.delete(node.id);
    if (node.children.size === 0) this.#children.delete(node.id);
    if (node.parentId === undefined || this.#nodes.has(node.parentId)) return;
    const siblings = this.#children.get(node.parentId);
    siblings?.delete(node.id);
    if (siblings?.size === 0) this.#children.delete(node.parentId);
  }

  #childrenOf(id: string): Set<string> {
    const known = this.#children.get(id);
    if (known !== undefined) return known;
    const children = new Set<string>();
    this.#children.set(id, children);
    return children;
  }
}

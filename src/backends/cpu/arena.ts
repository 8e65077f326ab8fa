/**
 * Working memory that programs share which never run at once: one block, as large as the largest of them needs. Nothing in
 * it lives from one run to the next.
 */
export class Arena<B extends { readonly bytes: number }> {
  /** The block, when there is one: held as a list, which a finalizer can give back. */
  readonly blocks: B[] = []
  private readonly needs = new Map<object, number>()
  private readonly take: (bytes: number) => B
  private readonly give: (block: B) => void

  constructor(take: (bytes: number) => B, give: (block: B) => void) {
    this.take = take
    this.give = give
  }

  join(program: object, bytes: number): void {
    this.needs.set(program, bytes)
  }

  /** Gives memory back when what is left needs less than half of it. */
  leave(program: object): void {
    this.needs.delete(program)
    const [block] = this.blocks
    if (block && 2 * Math.max(0, ...this.needs.values()) < block.bytes) this.drop(block)
  }

  /** The block, with room for so many bytes at least. It may be another one than before. */
  room(bytes: number): B {
    let [block] = this.blocks
    if (block && block.bytes >= bytes) return block
    // Half as much again: sizes that come in rising order would leave a block behind each time.
    const enough = block ? Math.max(bytes, 1.5 * block.bytes) : bytes
    if (block) this.drop(block)
    block = this.take(Math.ceil(enough))
    this.blocks.push(block)
    return block
  }

  drop(block: B): void {
    this.blocks.length = 0
    this.give(block)
  }
}

/** The arena of each family of programs. */
export class Arenas<B extends { readonly bytes: number }> {
  private readonly byFamily = new WeakMap<object, Arena<B>>()
  private readonly make: () => Arena<B>
  constructor(make: () => Arena<B>) {
    this.make = make
  }
  of(family: object): Arena<B> {
    let arena = this.byFamily.get(family)
    if (!arena) {
      arena = this.make()
      this.byFamily.set(family, arena)
    }
    return arena
  }
}

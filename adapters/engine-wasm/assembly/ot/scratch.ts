/** The kernel's memory. All of it is laid out here when the kernel is compiled, and none is allocated afterwards. */

/** Working values of the call that is running: whatever it holds is wiped when the call ends. */
const SCRATCH_BYTES: i32 = 4096;
export const SCRATCH: usize = memory.data(SCRATCH_BYTES, 16);

/** Where the caller puts what it hands over and finds the results. Large enough for the largest call: three matrices. */
export const ARENA_BYTES: i32 = 3 * 512 * 3 * 32 + 1024;
export const ARENA: usize = memory.data(ARENA_BYTES, 16);

/** Overwrites the scratch memory and the first `used` bytes of the arena. */
export function wipe(used: usize): void {
  memory.fill(SCRATCH, 0, SCRATCH_BYTES);
  memory.fill(ARENA, 0, used);
}

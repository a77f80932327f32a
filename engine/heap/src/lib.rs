//! The allocator of the whole program: mimalloc, asked for an alignment only where it is more than it gives anyway.
//!
//! A request's memory is freed by another thread than the one that took it: where the system's allocator then waits
//! for locks, this one does not. It asks for no huge pages, which add half to what an idle cloud holds.
//!
//! The crate `mimalloc` asks for an alignment always. Then a block whose size is no power of two is taken too large and
//! pointed into, which slows down both taking and freeing it: a thirtieth of what a balancer executes for a request.

#![allow(unsafe_code, reason = "allocators are not to be had without")]

use std::alloc::{GlobalAlloc, Layout};

use libmimalloc_sys::{
    mi_free, mi_malloc, mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc, mi_zalloc_aligned,
};

/// What every block of at least this size is aligned to: `MI_MAX_ALIGN_SIZE`.
const ALIGNED: usize = 16;

/// To be the `#[global_allocator]`.
pub struct Heap;

fn is_plain(size: usize, align: usize) -> bool {
    align <= ALIGNED && align <= size
}

// SAFETY: blocks have the size and alignment that was asked for: smaller ones than `ALIGNED` are aligned to their size, and
// whatever wants more is asked for with its alignment. All of them are freed by the allocator they are from.
unsafe impl GlobalAlloc for Heap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: any size and any power of two may be asked for.
        unsafe { if is_plain(size, align) { mi_malloc(size) } else { mi_malloc_aligned(size, align) } }.cast()
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as above.
        unsafe { if is_plain(size, align) { mi_zalloc(size) } else { mi_zalloc_aligned(size, align) } }.cast()
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, _layout: Layout) {
        // SAFETY: who frees a block has it from here.
        unsafe { mi_free(block.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (block, align) = (block.cast(), layout.align());
        let plain = is_plain(size, align);
        // SAFETY: who brings a block has it from here.
        unsafe { if plain { mi_realloc(block, size) } else { mi_realloc_aligned(block, size, align) } }.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_keep_what_is_in_them() {
        for size in (1..=200).chain([1_000, 1_500, 8_192, 40_000, 1 << 20]) {
            for align in [1, 2, 4, 8, 16, 32, 64, 4_096] {
                let layout = Layout::from_size_align(size, align).unwrap();
                // SAFETY: the block is written within its size and freed once.
                unsafe {
                    let block = Heap.alloc(layout);
                    assert_eq!(block.addr() % align, 0, "{layout:?}");
                    block.write_bytes(7, size);
                    let block = Heap.realloc(block, layout, size + 333);
                    assert_eq!((block.addr() % align, block.add(size - 1).read()), (0, 7), "{layout:?}");
                    Heap.dealloc(block, Layout::from_size_align(size + 333, align).unwrap());
                    let block = Heap.alloc_zeroed(layout);
                    assert_eq!((block.addr() % align, block.add(size - 1).read()), (0, 0), "{layout:?}");
                    Heap.dealloc(block, layout);
                }
            }
        }
    }
}

package polling

import "time"

// heap orders items by a number, most often a time, the smallest first. An item
// knows its own position, so that it can be taken out, and is in at most one heap
// at a time.
type heap[T interface{ at() *int }] []keyed[T]

type keyed[T any] struct {
	key  time.Duration
	item T
}

// position is embedded in what a heap holds: its index plus one, or zero if it is
// in no heap.
type position int

func (p *position) at() *int { return (*int)(p) }

// next returns the smallest key, or ever if the heap is empty.
func (h heap[T]) next() time.Duration {
	if len(h) == 0 {
		return ever
	}
	return h[0].key
}

// put adds an item that is in no heap.
func (h *heap[T]) put(item T, key time.Duration) {
	*h = append(*h, keyed[T]{})
	h.settle(len(*h)-1, keyed[T]{key, item})
}

// take removes an item that is in this heap or in none.
func (h *heap[T]) take(item T) {
	i, last := *item.at()-1, len(*h)-1
	if i < 0 {
		return
	}
	moved := (*h)[last]
	(*h)[last] = keyed[T]{}
	*h = (*h)[:last]
	if i < last {
		h.settle(i, moved)
	}
	*item.at() = 0
}

// pop removes the first item; there must be one.
func (h *heap[T]) pop() T {
	item := (*h)[0].item
	h.take(item)
	return item
}

// settle puts k at index i, or wherever above or below its key belongs. Four items
// stand below each, side by side in memory, since what takes time is to fetch it.
func (h heap[T]) settle(i int, k keyed[T]) {
	set := func(index int, k keyed[T]) {
		h[index] = k
		*k.item.at() = index + 1
	}
	for ; i > 0 && k.key < h[(i-1)/4].key; i = (i - 1) / 4 {
		set(i, h[(i-1)/4])
	}
	for 4*i+1 < len(h) {
		least := 4*i + 1
		for child := least + 1; child < min(4*i+5, len(h)); child++ {
			if h[child].key < h[least].key {
				least = child
			}
		}
		if k.key <= h[least].key {
			break
		}
		set(i, h[least])
		i = least
	}
	set(i, k)
}

package polling

// Stats is how a bucket stands.
type Stats struct {
	// Slots are those that may be used, SlotsInUse those held by turns or not yet back.
	Slots, SlotsInUse int
	// Overdue is how many seconds the task has been due that has waited longest.
	Overdue float64
}

// Stats returns how each bucket stands. It looks at every task.
func (s *Scheduler[K]) Stats() map[Bucket]Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, all := s.now(), map[Bucket]Stats{}
	for name, b := range s.buckets {
		b.reclaim(now)
		all[name] = Stats{Slots: b.limit.whole(), SlotsInUse: b.used()}
	}
	for _, e := range s.entries {
		if e.state <= parked {
			name := e.lane.gate.bucket.name
			stats := all[name]
			stats.Overdue = max(stats.Overdue, (now - e.due).Seconds())
			all[name] = stats
		}
	}
	return all
}

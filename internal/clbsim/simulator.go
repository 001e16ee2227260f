package clbsim

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Simulator is the simulated API. It is safe for concurrent use.
type Simulator struct {
	config Config
	now    func() time.Time
	tasks  *tasks
	faults *faults
	quota  *quota
	log    *callLog

	mu          sync.RWMutex
	credentials map[string]Credential
}

var _ http.Handler = (*Simulator)(nil)

// New returns a simulator that answers by config.
func New(config Config) *Simulator {
	config = config.withDefaults()
	s := &Simulator{
		config:      config,
		now:         config.Now,
		tasks:       newTasks(config.ClockFromFirstAsk),
		faults:      newFaults(config.Seed),
		quota:       newQuota(config.RequestsPerSecond, config.Window, config.Now),
		log:         &callLog{limit: config.LogLimit},
		credentials: map[string]Credential{},
	}
	for _, c := range config.Credentials {
		s.SetCredential(c)
	}
	return s
}

// SetCredential accepts the credential from now on, in place of a former one
// of the same secret ID.
func (s *Simulator) SetCredential(c Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.credentials[c.SecretID] = c
}

// RemoveCredential makes the secret ID unknown.
func (s *Simulator) RemoveCredential(secretID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.credentials, secretID)
}

func (s *Simulator) credential(secretID string) (Credential, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, ok := s.credentials[secretID]
	return c, ok
}

// AddTask adds the task, in place of a former one of the same ID, and returns
// it with the defaults filled in.
func (s *Simulator) AddTask(t Task) Task { return s.tasks.add(t, s.now()) }

// AddTasks adds all tasks, as AddTask does.
func (s *Simulator) AddTasks(tasks []Task) {
	now := s.now()
	for _, t := range tasks {
		s.tasks.add(t, now)
	}
}

// RemoveTask makes the task unknown. It tells whether there was one.
func (s *Simulator) RemoveTask(id string) bool { return s.tasks.remove(id) }

// Task returns the task of that ID; its End tells when it ends. It tells also
// whether there is one.
func (s *Simulator) Task(id string) (Task, bool) { return s.tasks.get(id) }

// Tasks returns all tasks, sorted by ID.
func (s *Simulator) Tasks() []Task {
	all := s.tasks.all()
	slices.SortFunc(all, func(a, b Task) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// AddFault lets the API misbehave until remove is called or the fault ends by
// itself. It panics when the fault is not valid: call [Fault.Validate] first
// for one that comes from outside.
func (s *Simulator) AddFault(f Fault) (remove func()) {
	if err := f.Validate(); err != nil {
		panic("clbsim: " + err.Error())
	}
	return s.faults.add(f, s.now())
}

// ClearFaults removes all faults.
func (s *Simulator) ClearFaults() { s.faults.clear() }

// SetBackground lets another program consume the quota of the account: that
// many calls a second, evenly spread from now on, at each gateway. They compete
// for the quota as real ones do. 0 ends it, and more than a million count as a
// million.
func (s *Simulator) SetBackground(account string, perSecond int) {
	s.quota.setBackground(account, perSecond)
}

// Calls returns the calls kept, in the order in which they were decided.
func (s *Simulator) Calls() []Call { return s.log.where(func(*Call) bool { return true }) }

// CallsFor returns the calls kept that asked for the task ID.
func (s *Simulator) CallsFor(taskID string) []Call {
	return s.log.where(func(c *Call) bool { return c.TaskID == taskID })
}

// CountCalls returns the number of all calls, kept or not.
func (s *Simulator) CountCalls() int { return s.log.count() }

// Stats sums up the calls since the simulator was made.
func (s *Simulator) Stats() Stats {
	return Stats{Calls: s.log.count(), Accounts: s.quota.stats()}
}

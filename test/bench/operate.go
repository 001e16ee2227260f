package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// operate puts the loads on the whole operator, and those that no strategy has.
func (s settings) operate(ctx context.Context, all []load) ([]result, []goal, error) {
	c, err := startCluster(s.crds, s.simulator)
	if err != nil {
		return nil, nil, err
	}
	defer c.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	beside, after := s.specials(c)
	var besides []goal
	var lane errgroup.Group
	lane.Go(func() (err error) {
		if besides, err = s.measure(ctx, beside); err != nil {
			cancel()
		}
		return err
	})
	results, goals := make([]result, len(all)), make([][]goal, len(all))
	err = inLanes(all, func(i int, l load) error {
		results[i] = result{load: l, strategy: wholeOperator}
		for repetition := range l.repeat {
			fmt.Fprintf(s.log, "%s: the whole operator (%d)\n", l.name, repetition+1)
			f, err := c.execute(ctx, l, s.seed, repetition)
			if err != nil {
				cancel()
				return fmt.Errorf("%s, the whole operator: %w", l.name, err)
			}
			results[i].add(f)
		}
		fmt.Fprintf(s.log, "%s: mean %.2f s, p99 %.2f s, %.2f calls a task\n", l.name, results[i].mean(), results[i].quantile(0.99), results[i].calls)
		goals[i] = loadGoals(l, results[i].figures)
		return nil
	})
	for i, l := range all {
		if without := slices.IndexFunc(all, func(other load) bool { return other.name == l.like }); without >= 0 {
			goals[i] = append(goals[i], likeGoals(l, results[i].figures, results[without].figures)...)
		}
	}
	if err := errors.Join(err, lane.Wait()); err != nil {
		return nil, nil, err
	}
	afters, err := s.measure(ctx, after)
	return results, slices.Concat(slices.Concat(goals...), besides, afters), err
}

// wholeOperator is what results call the operator.
const wholeOperator = "the whole operator"

// special is a load that only the operator has.
type special struct {
	name  string
	goals func(ctx context.Context, name string) ([]goal, error)
}

// specials are those that can run beside others, and those that cannot.
func (s settings) specials(c *cluster) (beside, after []special) {
	if s.short {
		return nil, nil
	}
	return []special{{"three operators of one account", func(ctx context.Context, name string) ([]goal, error) { return c.several(ctx, s, name) }}},
		[]special{
			{"2000 of one namespace, then one of another", c.newcomers},
			{"another program takes 12 of 20/s", func(ctx context.Context, name string) ([]goal, error) { return c.shared(ctx, name, s.seed) }},
			{"50 buckets at 20/s each", c.manyBuckets},
		}
}

// measure measures special loads, one after the other.
func (s settings) measure(ctx context.Context, all []special) (goals []goal, err error) {
	for _, one := range all {
		if !s.only.MatchString(one.name) {
			continue
		}
		fmt.Fprintf(s.log, "%s: the whole operator\n", one.name)
		more, err := one.goals(ctx, one.name)
		if err != nil {
			return nil, fmt.Errorf("%s, the whole operator: %w", one.name, err)
		}
		goals = append(goals, more...)
	}
	return goals, nil
}

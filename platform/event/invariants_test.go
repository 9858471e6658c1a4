package event_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/platform/event"
)

func TestASubscriberThatIsFarBehindIsFound(t *testing.T) {
	inBubble(t, func(d *desk) {
		b := d.bus()
		failing := true
		b.Subscribe("slow", []string{"*"}, func(context.Context, event.Event) error {
			if failing {
				return errors.New("no")
			}
			return nil
		})
		d.run(b)
		found := func() (objects []string) {
			synctest.Wait()
			list, err := b.Invariants()[0].Check(d.Context())
			require.NoError(d, err)
			for _, f := range list {
				require.Nil(d, f.Repair, "the handler has to be mended")
				objects = append(objects, f.Object)
			}
			return objects
		}
		d.emit(b, "thing", nil)
		d.clk.Advance(10 * time.Minute)
		require.Empty(d, found())
		d.clk.Advance(10 * time.Minute)
		require.Equal(d, []string{"subscriber slow"}, found())
		other := d.bus()
		list, err := other.Invariants()[0].Check(d.Context())
		require.NoError(d, err)
		require.Empty(d, list, "it is not a subscriber of this bus")
		failing = false
		d.clk.Advance(10 * time.Minute)
		require.Empty(d, found())
	})
}

package inspect_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/cumulite/cumulite/image/inspect"
)

// good is one accepted image of each format.
func good() map[inspect.Format][]byte {
	return map[inspect.Format][]byte{
		inspect.Raw:   append(bootSector(), make([]byte, mib-512)...),
		inspect.QCOW2: newQCOW2().bytes(),
		inspect.VMDK:  newStreamVMDK().bytes(),
		inspect.VHD:   newDynamicVHD().bytes(),
		inspect.VHDX:  newVHDX().bytes(),
		inspect.VDI:   newVDI(),
		inspect.ISO:   isoImage(),
	}
}

func TestAcceptsEachFormatWithItsVirtualSize(t *testing.T) {
	sizes := map[inspect.Format]int64{
		inspect.Raw: mib, inspect.QCOW2: mib, inspect.VMDK: mib, inspect.VHD: 2 * mib,
		inspect.VHDX: 3 * mib, inspect.VDI: 3 * mib, inspect.ISO: 64 << 10,
	}
	for format, data := range good() {
		report, err := inspectAllWays(t, data, format)
		require.NoError(t, err, format)
		require.Equal(t, format, report.Format)
		require.Equal(t, sizes[format], report.VirtualSize, format)
		require.Equal(t, format == inspect.Raw, report.BootSector, format)
	}
}

func TestRefusesEveryFormatUnderEveryOtherName(t *testing.T) {
	declared := []inspect.Format{
		inspect.Raw, inspect.QCOW2, inspect.VMDK, inspect.VHD, inspect.VHDX, inspect.VDI, inspect.ISO,
		inspect.AMI, inspect.ARI, inspect.AKI,
	}
	for content, data := range good() {
		for _, name := range declared {
			if name == content || content == inspect.Raw && len(name) == 3 && name[0] == 'a' {
				continue
			}
			reason := fmt.Sprintf("image is declared %s but its content is %s", name, content)
			if content == inspect.Raw {
				reason = fmt.Sprintf("image is declared %s but its content is not %s", name, name)
			}
			_, err := inspectAllWays(t, data, name)
			requireRefused(t, err, name, reason)
		}
	}
}

// TestRefusesImagesThatAreTwoThings adds the mark of a second format to an
// image that is good by itself.
func TestRefusesImagesThatAreTwoThings(t *testing.T) {
	for format, data := range good() {
		if format == inspect.Raw || format == inspect.ISO || format == inspect.VHDX {
			continue // raw and iso have tests of their own; good's VHDX has its headers there
		}
		polyglot := append(bytes.Clone(data), make([]byte, 64<<10)...)
		copy(polyglot[32<<10:], isoImage()[32<<10:36<<10])
		_, err := inspectAllWays(t, polyglot, format)
		requireRefused(t, err, format, fmt.Sprintf("image is declared %s but its content is also iso", format))
	}
	for format, data := range good() {
		if format == inspect.Raw || format == inspect.VHD || format == inspect.ISO {
			continue
		}
		_, err := inspectAllWays(t, fixedVHD(data), format)
		requireRefused(t, err, format, fmt.Sprintf("image is declared %s but its content is also vhd", format))
	}
}

func TestRefusesAContentThatStartsAsAnotherFormatInADeclaredISO(t *testing.T) {
	for format, data := range good() {
		if format == inspect.Raw || format == inspect.ISO || format == inspect.VHDX {
			continue
		}
		hybrid := isoImage()
		copy(hybrid, data[:min(len(data), 1024)])
		_, err := inspectAllWays(t, hybrid, inspect.ISO)
		requireRefused(t, err, inspect.ISO, fmt.Sprintf("image is declared iso but its content is also %s", format))
	}
}

func TestRefusesFormatsThatAreNotSupported(t *testing.T) {
	for _, format := range []inspect.Format{inspect.Ploop, "docker", "", "RAW"} {
		reason := fmt.Sprintf("disk format %q is not supported", format)
		n, err := inspect.New(format).Write([]byte("x"))
		require.Zero(t, n)
		requireRefused(t, err, format, reason)
		_, err = inspectAllWays(t, nil, format)
		requireRefused(t, err, format, reason)
	}
}

func TestRefusalStopsAnUploadEarlyAndStays(t *testing.T) {
	upload := &endless{prefix: newQCOW2().bytes()}
	ins := inspect.New(inspect.Raw)
	var stored bytes.Buffer
	_, err := io.Copy(io.MultiWriter(ins, &stored), upload)
	requireRefused(t, err, inspect.Raw, "image is declared raw but its content is qcow2")
	require.Less(t, stored.Len(), mib)

	_, again := ins.Write([]byte("more"))
	require.Equal(t, err, again)
	for range 2 {
		report, finish := ins.Finish()
		require.Equal(t, err, finish)
		require.Zero(t, report)
	}
}

func TestFinishTwiceReportsTheSame(t *testing.T) {
	for format, data := range good() {
		ins := inspect.New(format)
		_, err := ins.Write(data)
		require.NoError(t, err)
		first, err := ins.Finish()
		require.NoError(t, err)
		second, err := ins.Finish()
		require.NoError(t, err)
		require.Equal(t, first, second)
	}
}

// TestVerdictIsIndependentOfChunks cuts good and damaged images at random.
func TestVerdictIsIndependentOfChunks(t *testing.T) {
	r := seeded(t)
	for format, data := range good() {
		for range 40 {
			bent := bytes.Clone(data)
			bent[r.IntN(min(len(bent), 4096))] ^= byte(1 << r.IntN(8))
			if r.IntN(4) == 0 {
				bent = bent[:r.IntN(len(bent))]
			}
			want, wantErr := inspectWhole(bent, format)
			got, gotErr := inspectChunks(bent, format, func() int { return 1 + r.IntN(1<<r.IntN(20)) })
			require.Equal(t, wantErr, gotErr, format)
			require.Equal(t, want, got, format)
		}
	}
}

// TestRefusesImagesThatAreCutOff cuts an image off at every interesting place.
func TestRefusesImagesThatAreCutOff(t *testing.T) {
	for format, data := range good() {
		if format == inspect.Raw {
			continue
		}
		last := len(data) - 1
		if format == inspect.QCOW2 {
			last = 2 << 16 // where the refcount table begins
		}
		if format == inspect.VDI {
			last = 512 + 11 // where the block map ends
		}
		for _, n := range []int{0, 1, 3, 4, 8, 63, 71, 72, 103, 104, 511, 512, 1023, 1535, 32<<10 + 6, last / 2, last} {
			if n <= last {
				_, err := inspectAllWays(t, data[:n], format)
				require.ErrorAs(t, err, new(*inspect.Refused), "%s of %d bytes", format, n)
			}
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	buffer := make([]byte, 64<<10)
	for _, format := range []inspect.Format{inspect.Raw, inspect.VHDX, inspect.VHD} {
		data := good()[format]
		if format == inspect.VHD {
			data = make([]byte, 32*mib)
		}
		ins := inspect.New(format)
		_, err := io.CopyBuffer(onlyWriter{ins}, onlyReader{bytes.NewReader(data)}, buffer)
		require.NoError(t, err)
		_, err = io.CopyBuffer(onlyWriter{ins}, io.LimitReader(&endless{}, 64*mib), buffer)
		require.NoError(t, err)
		require.LessOrEqual(t, inspect.Kept(ins), mib, format)
	}
}

func TestWritingInSmallChunksAllocatesNothingPastTheHead(t *testing.T) {
	ins := inspect.New(inspect.Raw)
	chunk := make([]byte, mib)
	_, err := ins.Write(chunk)
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = ins.Write(chunk[:1500]) }))
}

func TestInspectReturnsTheErrorsOfItsReader(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := inspect.Inspect(readerAt{iotest.ErrReader(broken)}, 1024, inspect.Raw)
	require.ErrorIs(t, err, broken)
	_, err = inspect.Inspect(bytes.NewReader(nil), 1024, inspect.Raw)
	require.ErrorIs(t, err, io.EOF, "shorter than stated")
	_, err = inspect.Inspect(bytes.NewReader(nil), -1, inspect.Raw)
	require.ErrorContains(t, err, "negative")
}

// inspectAllWays inspects an image as a stream in one piece, in pieces, and
// at random access, and requires one verdict.
func inspectAllWays(t *testing.T, data []byte, declared inspect.Format) (inspect.Report, error) {
	t.Helper()
	report, err := inspectWhole(data, declared)
	for _, n := range []int{1000, 4096} {
		again, againErr := inspectChunks(data, declared, func() int { return n })
		require.Equal(t, err, againErr)
		require.Equal(t, report, again)
	}
	again, againErr := inspect.Inspect(bytes.NewReader(data), int64(len(data)), declared)
	require.Equal(t, err, againErr)
	require.Equal(t, report, again)
	return report, err
}

func inspectWhole(data []byte, declared inspect.Format) (inspect.Report, error) {
	return inspectChunks(data, declared, func() int { return len(data) })
}

// inspectChunks goes on to Finish after a refusal by Write, as an upload that
// ignores it would.
func inspectChunks(data []byte, declared inspect.Format, next func() int) (inspect.Report, error) {
	ins := inspect.New(declared)
	for len(data) > 0 {
		n := min(next(), len(data))
		if _, err := ins.Write(data[:n]); err != nil {
			break
		}
		data = data[n:]
	}
	return ins.Finish()
}

func requireRefused(t *testing.T, err error, declared inspect.Format, reason string) {
	t.Helper()
	var refused *inspect.Refused
	require.ErrorAs(t, err, &refused)
	require.Equal(t, reason, refused.Error())
	require.Equal(t, declared, refused.Format)
}

func seeded(t *testing.T) *rand.Rand {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func randomBytes(t *testing.T, n int) []byte {
	r := seeded(t)
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// endless reads a prefix and then zeros for ever.
type endless struct{ prefix []byte }

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.prefix)
	e.prefix = e.prefix[n:]
	clear(p[n:])
	return len(p), nil
}

type onlyWriter struct{ io.Writer }
type onlyReader struct{ io.Reader }

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(p []byte, _ int64) (int, error) { return r.Read(p) }

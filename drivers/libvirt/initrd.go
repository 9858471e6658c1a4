package libvirt

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// probeMessage is what the first process of a probed kernel prints.
const probeMessage = "cumulite: first process\n"

// probeInitrd is an initramfs (cpio, newc) of a console and an init that
// prints probeMessage and powers off.
func probeInitrd() []byte {
	var b bytes.Buffer
	cpioEntry(&b, "dev", 0o040755, 0, 0, nil)
	cpioEntry(&b, "dev/console", 0o020600, 5, 1, nil)
	cpioEntry(&b, "init", 0o100755, 0, 0, probeInit())
	cpioEntry(&b, "TRAILER!!!", 0, 0, 0, nil)
	return b.Bytes()
}

// cpioEntry writes one file: a header of hexadecimal numbers, name, content,
// each of both ending on a multiple of four bytes.
func cpioEntry(b *bytes.Buffer, name string, mode, major, minor int, content []byte) {
	fmt.Fprintf(b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		b.Len()+1, mode, 0, 0, 1, 0, len(content), 0, 0, major, minor, len(name)+1, 0)
	b.WriteString(name + "\x00")
	b.Write(make([]byte, -b.Len()&3))
	b.Write(content)
	b.Write(make([]byte, -b.Len()&3))
}

const probeLoad = 0x400000 // where the program is loaded

// probeInit is a static ELF program: write(1, probeMessage), then reboot(POWER_OFF).
func probeInit() []byte {
	const headers = 64 + 56
	code := []byte{
		0xb8, 1, 0, 0, 0, //          mov  eax, 1 (write)
		0xbf, 1, 0, 0, 0, //          mov  edi, 1
		0xbe, 0, 0, 0, 0, //          mov  esi, message
		0xba, 0, 0, 0, 0, //          mov  edx, its length
		0x0f, 0x05, //                syscall
		0xb8, 169, 0, 0, 0, //        mov  eax, 169 (reboot)
		0xbf, 0xad, 0xde, 0xe1, 0xfe, // mov edi, LINUX_REBOOT_MAGIC1
		0xbe, 0x69, 0x19, 0x12, 0x28, // mov esi, LINUX_REBOOT_MAGIC2
		0xba, 0xdc, 0xfe, 0x21, 0x43, // mov edx, LINUX_REBOOT_CMD_POWER_OFF
		0x0f, 0x05, //                syscall
		0xeb, 0xfe, //                jmp  here
	}
	le := binary.LittleEndian
	le.PutUint32(code[11:], uint32(probeLoad+headers+len(code)))
	le.PutUint32(code[16:], uint32(len(probeMessage)))
	size := uint64(headers + len(code) + len(probeMessage))

	p := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	p = le.AppendUint16(p, 2)  // executable
	p = le.AppendUint16(p, 62) // x86-64
	p = le.AppendUint32(p, 1)
	p = le.AppendUint64(p, probeLoad+headers) // entry
	p = le.AppendUint64(p, 64)                // program header
	p = le.AppendUint64(p, 0)
	p = le.AppendUint32(p, 0)
	for _, v := range []uint16{64, 56, 1, 0, 0, 0} {
		p = le.AppendUint16(p, v)
	}
	p = le.AppendUint32(p, 1) // load
	p = le.AppendUint32(p, 5) // readable, executable
	for _, v := range []uint64{0, probeLoad, probeLoad, size, size, 0x1000} {
		p = le.AppendUint64(p, v)
	}
	p = append(p, code...)
	return append(p, probeMessage...)
}

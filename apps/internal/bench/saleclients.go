package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// SaleClientsFlag is the first argument with which the program becomes the process of
// the customers: the address of the server, the pool, how many customers there are, for
// how long, and the status that each answer must have follow.
const SaleClientsFlag = "--bench-sale-clients"

// saleReport is what they found.
type saleReport struct {
	PerSecond float64 `json:"per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	Error     string  `json:"error,omitempty"`
}

// callSale makes a pool of its own, and has the process of the customers claim tickets of
// it.
func callSale(ctx context.Context, o *Options, result *Result, address string, capacity, status int) error {
	body, err := json.Marshal(map[string]any{
		"name": result.Name, "capacity": capacity, "price": map[string]any{"amount": 0, "currency": "EUR"},
		"eventDate": time.Now().AddDate(0, 1, 0), "payment": "free",
	})
	if err != nil {
		return err
	}
	var created struct{ ID string }
	if err := postJSON(ctx, "http://"+address+"/api/tickets/pools", body, http.StatusCreated, &created); err != nil {
		return err
	}
	if capacity == 1 {
		first := []byte(`{"customer":"the-first","quantity":1,"priceSeen":0}`)
		if err := postJSON(ctx, "http://"+address+"/api/tickets/pools/"+created.ID+"/claims", first, http.StatusCreated, &struct{}{}); err != nil {
			return err
		}
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, SaleClientsFlag, address, created.ID, strconv.Itoa(result.Writers), o.Duration.String(), strconv.Itoa(status))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var report saleReport
	if decoded := json.Unmarshal(out, &report); decoded != nil {
		return errors.Join(err, decoded)
	}
	if report.Error != "" {
		return errors.New(report.Error)
	}
	result.PerSecond, result.P50, result.P99 = report.PerSecond, report.P50, report.P99
	return nil
}

func postJSON(ctx context.Context, url string, body []byte, status int, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
		return fmt.Errorf("%s answered %s: %s", url, response.Status, text)
	}
	return json.NewDecoder(response.Body).Decode(answer)
}

// RunSaleClients is the process of the customers. They do as little as they can, since
// what they do the server, which runs on the same cores, cannot.
func RunSaleClients(ctx context.Context, args []string, out io.Writer) error {
	report, err := saleClients(ctx, args)
	if err != nil {
		report.Error = err.Error()
	}
	return json.NewEncoder(out).Encode(report)
}

func saleClients(ctx context.Context, args []string) (report saleReport, err error) {
	if len(args) != 5 {
		return report, errors.New("it needs an address, a pool, a number, a time and a status")
	}
	customers, err := strconv.Atoi(args[2])
	if err != nil {
		return report, err
	}
	duration, err := time.ParseDuration(args[3])
	if err != nil {
		return report, err
	}
	clients := make([]saleClient, customers)
	for i := range clients {
		if clients[i], err = newSaleClient(args[0], args[1], args[4]); err != nil {
			return report, err
		}
		defer clients[i].conn.Close()
	}
	report.PerSecond, report.P50, report.P99, err = load(ctx, customers, duration, func(i, n int) error {
		return clients[i].claim(i, n)
	})
	return report, err
}

// saleClient is a connection over which one customer after the other claims a ticket.
type saleClient struct {
	conn    net.Conn
	reader  *bufio.Reader
	head    string
	request []byte
	status  []byte
}

func newSaleClient(address, pool, status string) (saleClient, error) {
	conn, err := net.Dial("tcp", address)
	return saleClient{
		conn: conn, reader: bufio.NewReader(conn), status: []byte("HTTP/1.1 " + status + " "),
		head: "POST /api/tickets/pools/" + pool + "/claims HTTP/1.1\r\nHost: " + address + "\r\nContent-Type: application/json\r\n",
	}, err
}

func (c *saleClient) claim(i, n int) error {
	body := fmt.Sprintf(`{"customer":"customer-%d-%d","quantity":1,"priceSeen":0}`, i, n)
	c.request = fmt.Appendf(c.request[:0], "%sIdempotency-Key: %d-%d\r\nContent-Length: %d\r\n\r\n%s", c.head, i, n, len(body), body)
	if _, err := c.conn.Write(c.request); err != nil {
		return err
	}
	length := 0
	for first := true; ; first = false {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, c.status) {
			return fmt.Errorf("a claim was answered with %q", line)
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err := c.reader.Discard(length)
	return err
}

package bench
import "context"
func runLoad(ctx context.Context, o *Options) ([]Result, error) {return nil,nil}
func runScan(ctx context.Context, o *Options) ([]Result, error) {return nil,nil}
func runLarge(ctx context.Context, o *Options) ([]Result, error) {return nil,nil}
